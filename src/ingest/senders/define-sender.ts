/**
 * Makes a sender's builder from its facts. What most senders share is the default: HMAC-SHA256 in hex over the
 * body. Whether replay is closed is worked out from the facts, never claimed.
 */
import { checkShape } from "../../config/check-shape.ts";
import { SENDER_SHAPE } from "../../config/shapes.ts";
import { LIMITS } from "../../config/limits.ts";
import { unreachable } from "../../core/result.ts";
import type {
  FactPath,
  OnRepeat,
  SenderNotes,
  SignatureScheme,
  SignedPart,
  Verification,
} from "../scheme.ts";

/**
 * The name of a secret binding, plain or of the Secrets Store; with the time it is good until (RFC 3339, or ms since the
 * epoch), so that an old secret ends by itself.
 */
export type SecretOption = string | { readonly name: string; readonly until: string | number };

export interface SenderOptions {
  /** List the old and the new one while a secret is rotated, the new one first. */
  readonly secrets: readonly SecretOption[];
  /** The URL the sender was given, where a proxy changes it on the way. Matters to schemes that sign the URL. */
  readonly publicUrl?: string;
  /** Where ids are not signed: what a repeat of the same body under another id is. */
  readonly onRepeat?: OnRepeat;
}

export interface TimedSenderOptions extends SenderOptions {
  /** How old, or how far in the future, the signed timestamp may be. */
  readonly toleranceMs?: number;
}

/** A scheme's facts; what is left out is the default. */
export type SchemeFacts = Pick<SignatureScheme, "name" | "signatureHeaders"> &
  Partial<Omit<SignatureScheme, "replayClosed">>;

type SenderFacts = SchemeFacts & { readonly notes: SenderNotes };

export const BODY: SignedPart = { part: "body" };
export const TIMESTAMP: SignedPart = { part: "timestamp" };

export function literal(text: string): SignedPart {
  return { part: "literal", text };
}

export function header(name: string): FactPath {
  return { from: "header", name };
}

export function body(path: string): FactPath {
  return { from: "body", path };
}

export function completeScheme(facts: SchemeFacts): SignatureScheme {
  const scheme = {
    algorithm: "hmac-sha256",
    encoding: facts.algorithm === "shared-secret" ? "text" : "hex",
    keyEncoding: "utf8",
    layout: { layout: "plain" },
    signed: [BODY],
    dedupeKey: [header("idempotency-key")],
    type: [body("type")],
    keepHeaders: [],
    ...(facts.timestamp ? { toleranceMs: LIMITS.ingest.signatureToleranceMs } : {}),
    ...facts,
  } satisfies Omit<SignatureScheme, "replayClosed">;
  return { ...scheme, replayClosed: isReplayClosed(scheme) };
}

/** The builder of a sender whose scheme signs no time that a deployer could be stricter about. */
export function sender(facts: SenderFacts): (options: SenderOptions) => Verification {
  const scheme = completeScheme(facts);
  return (options) => verification(scheme, options);
}

export function timedSender(facts: SenderFacts): (options: TimedSenderOptions) => Verification {
  const scheme = completeScheme(facts);
  return (options) => {
    checkShape(scheme.name, SENDER_SHAPE, options);
    const { toleranceMs } = options;
    return verification(toleranceMs === undefined ? scheme : { ...scheme, toleranceMs }, options);
  };
}

export function verification(scheme: SignatureScheme, options: SenderOptions): Verification {
  checkShape(scheme.name, SENDER_SHAPE, options);
  const { secrets, publicUrl, onRepeat } = options;
  return {
    scheme: onRepeat === undefined ? scheme : { ...scheme, onRepeat },
    ...namedSecrets(secrets),
    ...(publicUrl === undefined ? {} : { publicUrl }),
  };
}

/** A time that is none becomes NaN, which the config check refuses. */
export function namedSecrets(
  secrets: readonly SecretOption[],
): Pick<Verification, "secrets" | "secretEndsAtMs"> {
  const ends = secrets.flatMap((secret) =>
    typeof secret === "string" ? [] : [[secret.name, new Date(secret.until).getTime()] as const],
  );
  return {
    secrets: secrets.map((secret) => (typeof secret === "string" ? secret : secret.name)),
    ...(ends.length === 0 ? {} : { secretEndsAtMs: Object.fromEntries(ends) }),
  };
}

type Facts = Omit<SignatureScheme, "replayClosed">;

/**
 * Dedupe reaches as far as a partition, and the partition comes from the payload: closed needs both proven. A shared
 * secret signs nothing, so every fact of such a request could be another's.
 */
function isReplayClosed(scheme: Facts): boolean {
  const isPayloadProven = signsBody(scheme) || scheme.algorithm === "sns-certificate";
  return isPayloadProven && scheme.dedupeKey.every((path) => isProven(scheme, path));
}

function signsBody({ algorithm, signed }: Facts): boolean {
  return (
    algorithm !== "shared-secret" && signed.some(({ part }) => part === "body" || part === "sorted-form")
  );
}

/** True of a header that holds the signed timestamp. */
function signsTimeOf({ signed, timestamp }: Facts, header: string): boolean {
  const isSigned = timestamp?.in === "headers" && signed.some(({ part }) => part === "timestamp");
  return isSigned && timestamp.names.some((name) => name.toLowerCase() === header);
}

function isProven(scheme: Facts, path: FactPath): boolean {
  switch (path.from) {
    case "body":
      // SNS signs fields of its own.
      return (
        signsBody(scheme) || scheme.signed.some((part) => part.part === "field" && part.path === path.path)
      );
    case "body-key":
    case "body-digest":
      return signsBody(scheme);
    case "signed-id":
      return scheme.signed.some(({ part }) => part === "id");
    case "receipt":
      return false;
    case "constant":
      return true;
    case "joined":
      return path.paths.every((inner) => isProven(scheme, inner));
    case "header": {
      const name = path.name.toLowerCase();
      if (signsTimeOf(scheme, name)) return true;
      return scheme.signed.some(
        (part) =>
          (part.part === "header" && part.name.toLowerCase() === name) ||
          (part.part === "id" && scheme.id?.headers.some((listed) => listed.toLowerCase() === name)),
      );
    }
    default:
      return unreachable(path);
  }
}
