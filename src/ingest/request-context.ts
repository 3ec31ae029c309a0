/** What a request brings along beside its body, and the values of what its source names. */
import type { EventEnvelope } from "../core/envelope.ts";
import { continentOf } from "../platform/continent.ts";
import { nearestHint, type LocationHint } from "../core/homes.ts";
import type { HandshakeContext } from "./handshakes.ts";
import type { IngestDependencies } from "./ports.ts";
import type { Verification } from "./scheme.ts";

export interface ActiveSecrets {
  /** Of those that are set, in the config's order. */
  readonly values: readonly string[];
  /** Named and not ended, and yet not there. */
  readonly unset: number;
}

/** What a source's secrets are now: those that have ended are not even asked for. */
export async function activeSecrets(
  { secrets, secretEndsAtMs = {} }: Pick<Verification, "secrets" | "secretEndsAtMs">,
  { secret }: Pick<IngestDependencies, "secret">,
  nowMs: number,
): Promise<ActiveSecrets> {
  const active = secrets.filter((name) => nowMs < (secretEndsAtMs[name] ?? Number.POSITIVE_INFINITY));
  const values = await valuesOf(active, secret);
  return { values, unset: active.length - values.length };
}

export async function valuesOf(
  names: readonly string[],
  secret: IngestDependencies["secret"],
): Promise<readonly string[]> {
  const values: string[] = [];
  for (const name of names) {
    const read = secret(name);
    // Plain ones are there at once, and to wait for what is there still costs a turn.
    const value = typeof read === "object" ? await read : read;
    if (value !== undefined && value !== "") values.push(value);
  }
  return values;
}

export async function handshakeContext(
  verification: Verification,
  access: Pick<IngestDependencies, "secret" | "fetch">,
  nowMs: number,
): Promise<HandshakeContext> {
  const { handshakeTokens = [], confirmSubscriptions = false } = verification;
  return {
    secrets: (await activeSecrets(verification, access, nowMs)).values,
    tokens: await valuesOf(handshakeTokens, access.secret),
    confirmSubscriptions,
    fetch: access.fetch ?? fetch,
  };
}

/** Placeholders where the platform does not say. */
export function originOf(request: Request): EventEnvelope["origin"] {
  const colo: unknown = request.cf?.["colo"];
  return { colo: typeof colo === "string" ? colo : "unknown", continent: continentOf(request) };
}

/** The region nearest to the sender, which the location that took the request is near. */
export function nearestOf(request: Request): LocationHint | null {
  const { continent } = originOf(request);
  const longitude = Number.parseFloat(String(request.cf?.["longitude"]));
  return nearestHint({ continent, longitude: Number.isFinite(longitude) ? longitude : null });
}
