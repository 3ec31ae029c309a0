/**
 * What a deployer's stage throws to say that trying again cannot help. Any other error in `enrich` is
 * taken for a passing one.
 */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
  readonly code: string;

  /**
   * @param message for operators; it is stored and shown, so keep payloads and secrets out of it
   * @param code a short stable word for metrics and lists, such as `customer_unknown`
   */
  constructor(message: string, code = "refused") {
    super(message);
    this.code = CODE.test(code) ? code : "refused";
  }
}

const CODE = /^[a-z][a-z0-9_]{0,63}$/;
