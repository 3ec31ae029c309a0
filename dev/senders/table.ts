/** The table of docs/senders.md, made from what the front door runs on, so that it says nothing else. */
import { LIMITS, MIB } from "../../src/config/limits.ts";
import { unreachable } from "../../src/core/result.ts";
import type { FactPath, SignatureScheme } from "../../src/ingest/scheme.ts";
import { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";

/** What shows from outside that a sender's real requests are accepted. */
const PROOFS: Readonly<Record<string, string>> = {
  stripe: "SDK `stripe`",
  paddle: "SDK `@paddle/paddle-node-sdk`",
  square: "SDK `square`",
  github: "SDK `@octokit/webhooks-methods`; documented vector",
  "standard-webhooks": "SDKs `standardwebhooks`, `svix`; documented vector",
  slack: "SDK `@slack/bolt`; documented vector",
  discord: "SDK `discord-interactions`",
  twilio: "SDK `twilio`; documented vector",
  sendgrid: "SDK `@sendgrid/eventwebhook`, with its vector",
  bitbucket: "documented vector",
  razorpay: "SDK `razorpay`; `@hookflo/tern`",
  linear: "SDK `@linear/sdk`",
  notion: "SDK `@notionhq/client`; documented vector",
  hubspot: "vectors of the SDK `@hubspot/api-client`",
  zoom: "vector that the SDK `@zoom/rivet` takes",
  mailgun: "vector that `mailgun-js` takes",
  meta: "`whatsapp-api-js`",
  pagerduty: "vector of the sender's own SDK",
  twitch: "vector of the package `twitch_api`",
  "aws-sns": "`sns-payload-validator`",
  shopify: "`@hookflo/tern`",
  woocommerce: "`@hookflo/tern`",
  "lemon-squeezy": "`@hookflo/tern`",
  sentry: "`@hookflo/tern`",
  "google-pub-sub": "SDK `google-auth-library`",
  line: "vector of the sender's own SDK",
};

const HEAD = [
  "| sender | builder | what is signed | tolerance | dedupe key | type | order | replay | retries for | largest body | proven by |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
];

export function sendersTable(): string {
  return [...HEAD, ...CATALOGUE.map(rowOf)].join("\n");
}

function rowOf({ name, builder, verify }: CatalogueEntry): string {
  const { scheme } = verify;
  const type = scheme.typeSuffix === undefined ? scheme.type : [...scheme.type, scheme.typeSuffix];
  const cells = [
    name,
    `\`${builder}\``,
    scheme.notes?.signs ?? "",
    scheme.toleranceMs === undefined ? "–" : duration(scheme.toleranceMs),
    scheme.dedupeKey.map(pathText).join(", else "),
    type.map(pathText).join(scheme.typeSuffix === undefined ? ", else " : ", "),
    scheme.orderKey === undefined ? "arrival" : `${pathText(scheme.orderKey.at)} (${scheme.orderKey.unit})`,
    replayText(scheme),
    retryText(scheme.notes?.retryWindowMs ?? null),
    `${(scheme.maxBodyBytes ?? LIMITS.ingest.defaultBodyBytes) / MIB} MiB`,
    PROOFS[name] ?? (scheme.algorithm === "shared-secret" ? "nothing to prove" : "*unproven*"),
  ];
  return `| ${cells.join(" | ")} |`;
}

function replayText({ replayClosed, notes }: SignatureScheme): string {
  const text = notes?.replay ?? "";
  return replayClosed ? text : `**${text}**`;
}

function retryText(retryWindowMs: number | null): string {
  if (retryWindowMs === null) return "not said";
  return retryWindowMs === 0 ? "does not retry" : duration(retryWindowMs);
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** In the largest unit that it is more than one of, or exactly one. */
function duration(durationMs: number): string {
  const [unit, sizeMs] = UNITS.find(([, size]) => durationMs >= size && durationMs % size === 0) ?? ["ms", 1];
  return `${durationMs / sizeMs} ${unit}`;
}

function pathText(path: FactPath): string {
  switch (path.from) {
    case "header":
      return `\`${path.name}\``;
    case "body":
      return `body \`${path.path}\``;
    case "signed-id":
      return "signed id";
    case "joined":
      return path.paths.map(pathText).join(" + ");
    case "body-key":
      return path.ending === undefined
        ? "the body's first other key"
        : `the body's key ending \`${path.ending}\``;
    case "body-digest":
      return "digest of the body or item";
    case "receipt":
      return "none: each request is an event";
    case "constant":
      return `always \`${path.text}\``;
    default:
      return unreachable(path);
  }
}
