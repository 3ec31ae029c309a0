/** A short run of `npm run fuzz:ingest` inside the runtime: the whole Worker's entry, lanes that keep what they are given. */
import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makeCase } from "../../dev/fuzz/fuzz-case.ts";
import { judge, type FuzzAnswer } from "../../dev/fuzz/judge.ts";
import { createKeyring, type Keyring } from "../../dev/fuzz/keyring.ts";
import { MUTATIONS } from "../../dev/fuzz/mutations.ts";
import { describeRequest, type FuzzRequest } from "../../dev/fuzz/request.ts";
import { SNS_CERTIFICATE_URL } from "../../dev/senders/sign-platforms.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { everySenderConfig } from "../../dev/workers/every-sender.ts";
import type { GatewayEnv } from "../../src/env.ts";
import { createGateway } from "../../src/worker.ts";
import { parseLaneMessage } from "../../src/lanes/wire/message.ts";

const ORIGIN = "https://sluice.test";
const SEED = 20_261_121;
const CASES = 500;
/** Over senders and mutations at once: every one of both comes several times. */
const STRIDE = SIGNERS.size + 1;

const lines: string[] = [];
const sent: unknown[] = [];

beforeEach(() => {
  for (const level of ["log", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void lines.push(String(line)));
  }
});

afterEach(() => vi.restoreAllMocks());

const lane = {
  send: async (message: unknown) => void sent.push(message),
  sendBatch: async (batch: Iterable<{ readonly body: unknown }>) => {
    for (const { body } of batch) sent.push(body);
  },
};

function gatewayEnv(keyring: Keyring): GatewayEnv {
  // Lanes as ingest uses them: their messages are this test's to look at, and no consumer's.
  return Object.assign(Object.create(env), keyring.bindings, {
    LOG_LEVEL: "info",
    LANE_HIGH: lane,
    LANE_NORMAL: lane,
    LANE_LOW: lane,
  }) as GatewayEnv;
}

function toRequest({ method, path, headers, body, isCutShort = false }: FuzzRequest): Request {
  const own = new Headers();
  // A Worker's own requests have text for headers; `npm run fuzz:ingest` sends the bytes.
  for (const [name, value] of headers) own.append(name, value.replaceAll(/[^\t -~]/g, "?"));
  const hasBody = method !== "GET" && method !== "HEAD";
  const content = isCutShort ? brokenOff(body) : body;
  return new Request(ORIGIN + path, { method, headers: own, ...(hasBody ? { body: content } : {}) });
}

function brokenOff(body: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body);
      controller.error(new Error("the sender went away"));
    },
  });
}

it("no request of any sender gets past its signature, none is a 500, and every genuine one is taken", async () => {
  const keyring = await createKeyring(Date.now());
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) =>
    new Request(input).url === SNS_CERTIFICATE_URL
      ? new Response(keyring.certificatePem)
      : new Response(null, { status: 404 }),
  );
  const gateway = createGateway(everySenderConfig());
  const ownEnv = gatewayEnv(keyring);
  const kinds = new Set<string>();
  const failures: string[] = [];
  let accepted = 0;
  let controls = 0;
  for (let at = 0; at < CASES; at++) {
    const circumstances = { keyring, origin: ORIGIN, nowMs: Date.now() };
    const one = await makeCase({ seed: SEED, index: at * STRIDE, ...circumstances });
    const answers: FuzzAnswer[] = [];
    for (const request of one.requests) {
      const response = await gateway.fetch(toRequest(request), ownEnv, createExecutionContext());
      const text = await response.text();
      answers.push({ status: response.status, headers: (name) => response.headers.get(name), text });
    }
    const judged = await judge(one, answers, circumstances);
    kinds.add(one.kind);
    accepted += judged.accepted;
    if (one.expected === "accept") controls += one.requests.length;
    if (judged.problems.length > 0) {
      const requests = one.requests.map(describeRequest).join("\n");
      failures.push(
        `seed ${SEED}, case ${one.index}, ${one.sender}, ${one.kind}: ${judged.problems.join("; ")}\n${requests}`,
      );
    }
  }
  expect(failures).toEqual([]);
  expect(kinds.size).toBe(MUTATIONS.length);
  expect(accepted).toBeGreaterThanOrEqual(controls);
  expect(controls).toBeGreaterThan(CASES / 10);

  const secrets = Object.values(keyring.bindings).filter((value) => !value.startsWith("arn:"));
  const holdsSecret = (text: string) => secrets.some((secret) => text.includes(secret));
  expect(lines.filter((line) => holdsSecret(line) || line.includes('"level":"error"'))).toEqual([]);
  expect(sent.length).toBeGreaterThan(accepted / 2);
  for (const message of sent) {
    expect(parseLaneMessage(message).ok).toBe(true);
    expect(holdsSecret(JSON.stringify(message)), "a secret in a lane").toBe(false);
  }
}, 30_000);
