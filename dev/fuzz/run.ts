/** A run of the fuzz: starts the Worker, plays the cases, watches its log, then its memory, and says what it saw. */
import { startLocalGateway, type LocalGateway } from "../lib/local-gateway.ts";
import { makeCase, type FuzzCase } from "./fuzz-case.ts";
import { judge } from "./judge.ts";
import { createKeyring, type Keyring } from "./keyring.ts";
import { FEWEST_MEMORY_CASES, isFlat, sampleMemory, type MemoryRun } from "./memory.ts";
import { describeRequest } from "./request.ts";
import { closeConnections, sendRaw } from "./send.ts";

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  readonly first: number;
}

const AT_ONCE = 4;
const LOOKS_AT_LOG = 40;
const MAX_SHOWN_FAILURES = 10;

interface Tally {
  readonly statuses: Map<string, number>;
  controls: number;
  accepted: number;
  failures: number;
}

/** @returns whether everything held */
export async function runFuzz({ cases, seed, first }: FuzzOptions): Promise<boolean> {
  const keyring = await createKeyring(Date.now());
  const vars = {
    ...keyring.bindings,
    SNS_CERTIFICATE: keyring.certificatePem,
    SECRETS_NEVER_SEEN: secretsOf(keyring).join("\n"),
  };
  const gateway = await startLocalGateway({ main: "dev/workers/fuzz.worker.ts", logLevel: "info", vars });
  const tally: Tally = { statuses: new Map(), controls: 0, accepted: 0, failures: 0 };
  const startedAtMs = Date.now();
  try {
    const logs = new Set<string>();
    const everyCases = Math.max(1, Math.floor(cases / LOOKS_AT_LOG));
    let next = first;
    let played = 0;
    const play = async (): Promise<void> => {
      while (next < first + cases) {
        const index = next++;
        await playOne(gateway, keyring, { seed, index }, tally);
        if (++played % everyCases === 0) {
          for (const line of suspiciousLogs(gateway, keyring)) logs.add(line);
          gateway.harness.clearLogs();
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, play));
    for (const line of suspiciousLogs(gateway, keyring)) logs.add(line);
    report({ cases, seed, tally, logs, tookMs: Date.now() - startedAtMs });
    if (tally.failures > 0 || logs.size > 0) return false;
  } finally {
    await gateway.close();
    closeConnections();
  }
  return cases < FEWEST_MEMORY_CASES || keepsNothing({ seed, first, keyring, vars });
}

async function keepsNothing(run: MemoryRun): Promise<boolean> {
  try {
    const flat = isFlat(await sampleMemory(run));
    console.log(`  memory            ${flat.text}`);
    return flat.holds;
  } finally {
    closeConnections();
  }
}

async function playOne(
  gateway: LocalGateway,
  keyring: Keyring,
  { seed, index }: { readonly seed: number; readonly index: number },
  tally: Tally,
): Promise<void> {
  const origin = gateway.url;
  const one = await makeCase({ seed, index, keyring, origin, nowMs: Date.now() });
  const answers = [];
  for (const request of one.requests) answers.push(await sendRaw(origin, request));
  const { problems, accepted } = await judge(one, answers, { keyring, origin, nowMs: Date.now() });
  tally.accepted += accepted;
  if (one.expected === "accept") tally.controls += 1;
  for (const answer of answers) {
    const status = answer === null ? "none" : String(answer.status);
    tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
  }
  if (problems.length > 0) showFailure(one, problems, seed, tally);
}

function showFailure(one: FuzzCase, problems: readonly string[], seed: number, tally: Tally): void {
  tally.failures += 1;
  if (tally.failures > MAX_SHOWN_FAILURES) return;
  console.log(`\nFAILED ${one.sender}, ${one.kind}: ${problems.join("; ")}`);
  console.log(`again: npm run fuzz:ingest -- --seed ${seed} --from ${one.index} --requests 1`);
  for (const request of one.requests) console.log(describeRequest(request));
}

/** Errors, whatever nobody caught, and secrets. */
function suspiciousLogs(gateway: LocalGateway, keyring: Keyring): readonly string[] {
  const secrets = secretsOf(keyring);
  return gateway.harness.getLogs().flatMap(({ level, message }) => {
    if (secrets.some((secret) => message.includes(secret))) return ["a log line holds a secret"];
    return level === "error" || /uncaught|unhandled/i.test(message) ? [message.slice(0, 500)] : [];
  });
}

function secretsOf(keyring: Keyring): readonly string[] {
  // A public name is no secret: SNS's topic stands in every message.
  return Object.values(keyring.bindings).filter((value) => !value.startsWith("arn:"));
}

function report(seen: {
  readonly cases: number;
  readonly seed: number;
  readonly tally: Tally;
  readonly logs: ReadonlySet<string>;
  readonly tookMs: number;
}): void {
  const { tally, logs } = seen;
  const statuses = [...tally.statuses].map(([status, count]) => `${status} × ${count}`).toSorted();
  console.log(`\n  seed ${seen.seed}: ${seen.cases} cases in ${(seen.tookMs / 1_000).toFixed(1)} s`);
  console.log(`  answers           ${statuses.join(", ")}`);
  console.log(`  genuine           ${tally.controls} in the control group, ${tally.accepted} taken in all`);
  console.log(`  runtime's log     ${logs.size === 0 ? "no error" : `${logs.size} errors`}`);
  for (const line of logs) console.log(`    ${line}`);
  console.log(`  failed            ${tally.failures}`);
}
