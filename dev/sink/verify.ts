/**
 * Checks a delivery's Standard Webhooks signature the way a receiver would. Written from the specification
 * and independent of the gateway's own code, which it is a check on.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface SignedDelivery {
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  /** Space-separated `v1,<base64>`. */
  readonly signature: string | undefined;
  readonly body: Buffer;
}

/** True when one of the signatures fits one of the secrets. Age is not judged: the record has the times. */
export function isSignedBy(delivery: SignedDelivery, secrets: readonly string[]): boolean {
  const { id, timestamp, signature, body } = delivery;
  if (id === undefined || timestamp === undefined || signature === undefined) return false;
  const given = signature
    .split(" ")
    .filter((part) => part.startsWith("v1,"))
    .map((part) => Buffer.from(part.slice("v1,".length), "base64"));
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
    return given.some(
      (candidate) => candidate.length === wanted.length && timingSafeEqual(candidate, wanted),
    );
  });
}
