/** A mistake in `config/`: names the key and says how to mend it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(key: string, problem: string, mend: string) {
    super(`config/gateway.config.ts: ${key}: ${problem}. ${mend}`);
  }
}
