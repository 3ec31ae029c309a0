/**
 * One run: four kinds of processes, each with its records on disk; the runtime killed at random moments while events
 * are in flight and started again over its storage; at the end one start without a kill, and time to drain.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../lib/random.ts";
import { LOCAL_DELIVERY_SECRET } from "../lib/local-secrets.ts";
import { answers, startChild } from "./children.ts";
import { drain } from "./drain.ts";
import { freePorts } from "./ports.ts";
import { filesIn, readRecords, referenceOf, type Files } from "./records.ts";
import { createRuntime, type Runtime } from "./runtime.ts";
import { buildRuntime, type Mode } from "./runtime-config.ts";
import { startSending, type SenderCounts, type Sending } from "./sender.ts";
import { planTraffic } from "./traffic.ts";

export interface RunOptions {
  readonly mode: Mode;
  readonly kills: number;
  readonly events: number;
  readonly lines: number;
  readonly seed: number;
  readonly leaseMs: number;
  readonly drainMs: number;
  readonly folder: string;
  readonly show: (text: string) => void;
}

export interface RunOutcome {
  readonly files: Files;
  readonly sent: SenderCounts;
  readonly drained: boolean;
}

const MODEL_LATENCY_MS = 150;
/** The sink writes a delivery down and answers this much later: what a kill in between makes a repeat. */
const SINK_LATENCY_MS = 60;
const KILL_WITHIN_MS = 4_000;
/** Of the kills, those that may hit a runtime before it is up. */
const EARLY_KILL_SHARE = 0.15;
const EARLY_KILL_WITHIN_MS = 2_500;
const IN_FLIGHT_WITHIN_MS = 20_000;

export async function runChaos(options: RunOptions): Promise<RunOutcome> {
  const { folder, mode, kills, seed, show } = options;
  mkdirSync(folder, { recursive: true });
  const files = filesIn(folder);
  const [sinkPort = 0, modelPort = 0, brokerPort = 0, gatewayPort = 0] = await freePorts(4);
  const urls = {
    sinkUrl: `http://127.0.0.1:${sinkPort}`,
    modelUrl: `http://127.0.0.1:${modelPort}`,
    brokerUrl: `http://127.0.0.1:${brokerPort}`,
  };
  const state = join(folder, "state");
  const config = await buildRuntime({ mode, folder, state, leaseMs: options.leaseMs, ...urls });
  const runtime = createRuntime({ folder, config, state, port: gatewayPort, life: files.life });
  const log = (name: string): string => join(folder, `${name}.log`);
  const children = [
    startChild(
      "dev/sink/main.ts",
      ["--port", String(sinkPort), "--record", files.sink, "--secret", LOCAL_DELIVERY_SECRET],
      log("sink"),
    ),
    startChild(
      "dev/model-server/main.ts",
      ["--port", String(modelPort), "--record", files.model, "--latency-ms", String(MODEL_LATENCY_MS)],
      log("model"),
    ),
    ...(mode === "queued"
      ? [
          startChild(
            "dev/chaos/lane-broker/main.ts",
            [String(brokerPort), runtime.url, files.lanes, String(seed)],
            log("broker"),
          ),
        ]
      : []),
  ];
  try {
    await allUp([urls.sinkUrl, urls.modelUrl, ...(mode === "queued" ? [urls.brokerUrl] : [])]);
    await slowSink(urls.sinkUrl);
    let killed = 0;
    let stopped = false;
    runtime.start();
    if (!(await runtime.ready())) throw new Error(`the gateway does not start:\n${lastOf(log("runtime"))}`);
    const sending = startSending({
      url: runtime.url,
      lines: planTraffic({ events: options.events, lines: options.lines, stages: kills + 1, seed }),
      file: files.acks,
      seed,
      stage: () => killed,
      stopped: () => stopped,
    });
    const random = seededRandom(seed + 1);
    while (killed < kills) {
      const early = random.next() < EARLY_KILL_SHARE;
      await killInFlight(
        runtime,
        sending,
        files,
        early ? null : random.integer(50, KILL_WITHIN_MS),
        random.next(),
      );
      killed += 1;
      show(progressText(options, killed, sending, files));
      runtime.start();
    }
    if (!(await runtime.ready())) throw new Error(`the gateway does not start:\n${lastOf(log("runtime"))}`);
    const drained = await drain({
      ...options,
      url: runtime.url,
      files,
      sending,
      show: () => show(progressText(options, killed, sending, files)),
    });
    stopped = true;
    await sending.done;
    return { files, sent: sending.counts(), drained };
  } finally {
    await runtime.stop();
    await Promise.all(children.map((child) => child.kill()));
  }
}

/** @param afterMs after the gateway is up; null: at any moment, up or not */
async function killInFlight(
  runtime: Runtime,
  sending: Sending,
  files: Files,
  afterMs: number | null,
  chance: number,
): Promise<void> {
  if (afterMs === null) {
    await sleep(chance * EARLY_KILL_WITHIN_MS);
  } else {
    if (!(await runtime.ready())) throw new Error("the gateway does not come back after a kill");
    await sleep(afterMs);
    const deadlineMs = Date.now() + IN_FLIGHT_WITHIN_MS;
    while (inFlight(sending, files) === 0 && Date.now() < deadlineMs) await sleep(10);
  }
  await runtime.kill();
}

function inFlight(sending: Sending, files: Files): number {
  const { underWay, acknowledged } = sending.counts();
  return underWay + acknowledged - countDelivered(files);
}

function countDelivered(files: Files): number {
  return new Set(readRecords(files).deliveries.flatMap((record) => referenceOf(record) ?? [])).size;
}

function progressText(options: RunOptions, killed: number, sending: Sending, files: Files): string {
  const { acknowledged, requests } = sending.counts();
  return `${options.mode}: ${killed}/${options.kills} kills, ${requests} requests, ${acknowledged}/${options.events} acknowledged, ${countDelivered(files)} delivered`;
}

async function allUp(urls: readonly string[]): Promise<void> {
  const deadlineMs = Date.now() + 30_000;
  const up = await Promise.all(urls.map((url) => answers(`${url}/healthz`, () => Date.now() > deadlineMs)));
  if (up.includes(false)) throw new Error("the sink, the model server or the lane broker does not start");
}

async function slowSink(url: string): Promise<void> {
  const response = await fetch(`${url}/__control/faults`, {
    method: "POST",
    body: JSON.stringify({ delayMs: SINK_LATENCY_MS }),
  });
  if (response.status !== 201) throw new Error(`the sink refused its latency: ${await response.text()}`);
}

const LOG_END_CHARACTERS = 3_000;

function lastOf(file: string): string {
  return readFileSync(file, "utf8").slice(-LOG_END_CHARACTERS);
}
