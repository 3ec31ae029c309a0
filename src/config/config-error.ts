/** A mistake in `config/`: names the key and says how to mend it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(key: string, problem: string, mend: string) {
    super(`gateway config: ${key}: ${problem}. ${mend}`);
  }

  /** Several mistakes at once, a line each. */
  static of(faults: readonly string[]): ConfigError {
    const error = new ConfigError("", "", "");
    error.message = faults.map((fault) => `gateway config: ${fault}`).join("\n");
    return error;
  }
}
