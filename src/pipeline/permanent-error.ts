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
    // The two are easily swapped. A sentence is no code, and a code is no sentence.
    const isSwapped = !CODE.test(code) && CODE.test(message);
    super(isSwapped ? code : message);
    const word = isSwapped ? message : code;
    this.code = CODE.test(word) ? word : "refused";
  }
}

const CODE = /^[a-z][a-z0-9_]{0,63}$/;
