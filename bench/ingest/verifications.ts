/** Verifications a second, by scheme: our engine against the sender's own package, in one runtime, as ratios. */
import { demoSecretOf } from "../../dev/senders/demo-secrets.ts";
import { signSampleOf } from "../../dev/senders/signer.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { cpuMs } from "../../dev/lib/runtime-process.ts";
import type { BareRuntime } from "../../dev/lib/bare-runtime.ts";
import { line, type Line } from "../partition/table.ts";
import { bodyOf } from "./load.ts";

export interface VerifyWork {
  readonly sender: string;
  readonly by: string;
  readonly count: number;
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly secret: string;
  readonly url: string;
}

/** Sender, and its package as the Worker knows it. */
const PAIRS = [
  ["stripe", "stripe"],
  ["github", "octokit"],
  ["notion", "notion"],
  ["standard-webhooks", "standardwebhooks"],
  ["standard-webhooks", "svix"],
  ["discord", "discord-interactions"],
  ["slack", "slack"],
  ["paddle", "paddle"],
  ["square", "square"],
  // It stops at the first spelling of the URL that fits; ours tries both, whichever fits.
  ["twilio", "twilio"],
  ["sendgrid", "sendgrid"],
] as const;

const ROUNDS = 3;
const PER_ROUND = 2_000;
/** SendGrid's package does its arithmetic on curves in JavaScript. */
const PER_ROUND_OF_SLOW = 50;
const SLOW = new Set(["sendgrid"]);
const URL_GIVEN = "https://gateway.test/in/sender";
const BODY_BYTES = 1_000;

export async function measureVerifications(runtime: BareRuntime): Promise<Line[]> {
  const lines: Line[] = [];
  for (const [sender, by] of PAIRS) {
    const work = await workFor(sender);
    const costs = { ours: Number.POSITIVE_INFINITY, theirs: Number.POSITIVE_INFINITY };
    // The first round is for the compiler; of the others the best: what disturbs only ever adds.
    for (let round = 0; round <= ROUNDS; round++) {
      const ours = await costOf(runtime, { ...work, by: "ours" });
      const theirs = await costOf(runtime, { ...work, by });
      if (round === 0) continue;
      costs.ours = Math.min(costs.ours, ours);
      costs.theirs = Math.min(costs.theirs, theirs);
    }
    const rate = (microseconds: number) => `${(1_000 / microseconds).toFixed(0)} thousand/s`;
    lines.push(
      line(
        `${sender}: × the package ${by}`,
        (costs.theirs / costs.ours).toFixed(2),
        `${rate(costs.ours)}, theirs ${rate(costs.theirs)}`,
      ),
    );
  }
  return lines;
}

async function workFor(sender: string): Promise<Omit<VerifyWork, "by">> {
  const signer = SIGNERS.get(sender);
  const secret = signer === undefined ? null : await demoSecretOf(signer);
  if (signer === undefined || secret === null) throw new Error(`${sender} cannot be played`);
  const isForm = signer.contentType === "application/x-www-form-urlencoded";
  const json = bodyOf(1, BODY_BYTES);
  const body = isForm
    ? new URLSearchParams({ From: "+15550101", To: "+15550100", Body: json }).toString()
    : json;
  const facts = { id: "msg_1", type: signer.types[0], atMs: Date.now(), url: URL_GIVEN, body };
  const signed = await signSampleOf(signer, { ...facts, secret: secret.signs });
  const count = SLOW.has(sender) ? PER_ROUND_OF_SLOW : PER_ROUND;
  const headers = { ...signed.headers };
  return { sender, count, body: signed.body, headers, secret: secret.verifies, url: URL_GIVEN };
}

/** @returns microseconds of CPU for one verification */
async function costOf(runtime: BareRuntime, work: VerifyWork): Promise<number> {
  const beforeMs = cpuMs(runtime.pid);
  const response = await fetch(runtime.url("verify"), { method: "POST", body: JSON.stringify(work) });
  const answer = await response.text();
  if (answer !== JSON.stringify({ proven: work.count }))
    throw new Error(`${work.sender} by ${work.by}: ${answer}`);
  return ((cpuMs(runtime.pid) - beforeMs) * 1_000) / work.count;
}
