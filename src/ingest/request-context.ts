/** What a request brings along beside its body, and the values of what its source names. */
import type { EventEnvelope } from "../core/envelope.ts";
import type { HandshakeContext } from "./handshakes.ts";
import type { IngestDependencies } from "./ports.ts";
import type { Verification } from "./scheme.ts";

/** The values of those bindings that are set. */
export function namedSecrets(
  names: readonly string[],
  { secret }: Pick<IngestDependencies, "secret">,
): readonly string[] {
  return names.map((name) => secret(name) ?? "").filter((value) => value !== "");
}

export function handshakeContext(
  { secrets, handshakeTokens = [], confirmSubscriptions = false }: Verification,
  access: Pick<IngestDependencies, "secret" | "fetch">,
): HandshakeContext {
  return {
    secrets: namedSecrets(secrets, access),
    tokens: namedSecrets(handshakeTokens, access),
    confirmSubscriptions,
    fetch: access.fetch ?? fetch,
  };
}

/** Placeholders where the platform does not say. */
export function originOf(request: Request): EventEnvelope["origin"] {
  const colo: unknown = request.cf?.["colo"];
  const continent: unknown = request.cf?.["continent"];
  return {
    colo: typeof colo === "string" ? colo : "unknown",
    continent: typeof continent === "string" ? continent : "unknown",
  };
}
