/** A sample event, and the signed request it becomes. */
import type { JsonObject } from "../../src/core/json.ts";
import { unreachable } from "../../src/core/result.ts";
import { signGithub, signStandardWebhooks, signStripe, type Headers } from "./sign.ts";

export type SenderName = "stripe" | "github" | "media" | "leads" | "documents";

export interface Sample {
  readonly sender: SenderName;
  readonly type: string;
  /** The sender's own id of the delivery: what duplicates are found by. */
  readonly id: string;
  /** Whom the event is about, as the payload says it; null where the sender's payload does not. */
  readonly customer: string | null;
  readonly createdSeconds: number;
  readonly payload: JsonObject;
}

export type SenderSecrets = Readonly<Record<SenderName, string>>;

/** Well known, for tests and the demo alone. Made of plain words so that nobody takes them for real ones. */
export const DEMO_SECRETS: SenderSecrets = {
  stripe: "whsec_demo_stripe_secret_not_for_production",
  github: "It's a Secret to Everybody",
  media: toWhsec("demo media secret, not for production"),
  leads: toWhsec("demo leads secret, not for production"),
  documents: toWhsec("demo documents secret, no production"),
};

export interface SignedRequest {
  readonly headers: Headers;
  readonly body: string;
}

export function signSample(sample: Sample, secrets: SenderSecrets, atSeconds: number): SignedRequest {
  const body = JSON.stringify(sample.payload);
  const secret = secrets[sample.sender];
  return {
    body,
    headers: { "content-type": "application/json", ...headersFor(sample, body, secret, atSeconds) },
  };
}

/** The same request with one character of its body changed and the signature left as it was. */
export function forge(request: SignedRequest): SignedRequest {
  const at = request.body.lastIndexOf("}");
  return { ...request, body: `${request.body.slice(0, at)} ${request.body.slice(at)}` };
}

function headersFor(sample: Sample, body: string, secret: string, atSeconds: number): Headers {
  switch (sample.sender) {
    case "stripe":
      return signStripe(body, secret, atSeconds);
    case "github": {
      const [event = sample.type] = sample.type.split(".");
      return { "x-github-event": event, "x-github-delivery": sample.id, ...signGithub(body, secret) };
    }
    case "media":
    case "leads":
    case "documents":
      return signStandardWebhooks(sample.id, body, secret, atSeconds);
    default:
      return unreachable(sample.sender);
  }
}

function toWhsec(text: string): string {
  return `whsec_${Buffer.from(text).toString("base64")}`;
}
