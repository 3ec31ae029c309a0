/** Names of bindings and origins, as a config may hold them. */
import { ConfigError } from "./config-error.ts";
import type { CorsOrigin } from "./gateway-options.ts";

const BINDING = /^[A-Z][A-Z0-9_]*$/;

export function checkBindings(key: string, names: readonly string[]): void {
  if (names.length === 0) {
    throw new ConfigError(key, "is empty", "Name at least one binding that holds a secret");
  }
  const mend =
    'Name the binding (as in "STRIPE_WEBHOOK_SECRET") and set its value with `wrangler secret put`; never write a secret here';
  for (const name of names) checkBinding(key, name, mend);
}

/** @param mend what to write instead */
export function checkBinding(key: string, name: string, mend: string): void {
  if (BINDING.test(name)) return;
  throw new ConfigError(key, "holds something that is not the name of a binding", mend);
}

export function checkOrigins(key: string, origins: readonly CorsOrigin[]): void {
  for (const origin of origins) {
    if (typeof origin === "object") {
      if (BINDING.test(origin.variable)) continue;
      throw new ConfigError(
        key,
        `"${origin.variable}" is no variable's name`,
        'As in { variable: "PAGE_ORIGIN" }',
      );
    }
    if (origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin)) continue;
    throw new ConfigError(
      key,
      `"${origin}" is not an origin`,
      'Use scheme and host alone, as in "https://app.example.com", or "*"',
    );
  }
}

export function checkPublicOrigin(key: string, origin: CorsOrigin): void {
  if (origin === "*") throw new ConfigError(key, '"*" is no address', 'As in "https://gateway.example.com"');
  checkOrigins(key, [origin]);
}
