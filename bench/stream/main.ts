/**
 * `npm run bench:stream`: what stands between a model and its reader. The embedded model server directly, a Worker that pipes bytes, the
 * gateway's relays, its resumable streams, and Portkey's gateway, in one run. Budgets: docs/design.md. Nothing is asserted; times
 * depend on the machine, so look at the ratios.
 */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { commandLine } from "../../dev/lib/command-line.ts";
import { atMost, line, printTable, type Line } from "../partition/table.ts";
import { BEARER, openai, sluice, stream, type Candidate } from "./candidates.ts";
import { audience, firstTokens, frameCosts, quantile, rowsOf, startStream } from "./measure.ts";
import type { Runtime } from "./runtime.ts";

const USAGE = `npm run bench:stream -- [options]
  --turns 200          answers asked of each, for the time to the first token
  --streams 20         at once, for the cost of a frame
  --rounds 5           of these
  --token-delay-ms 8   between the tokens of a paced model
  --disk               storage on this machine's disk instead of in memory: what its commits cost`;

const { values, number, wholeNumber } = commandLine(USAGE, {
  options: {
    turns: { type: "string", default: "200" },
    streams: { type: "string", default: "20" },
    disk: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    "token-delay-ms": { type: "string", default: "8" },
  },
});
const turns = wholeNumber("--turns", values.turns, { atLeast: 1 });
const streams = wholeNumber("--streams", values.streams, { atLeast: 1 });
const rounds = wholeNumber("--rounds", values.rounds, { atLeast: 1 });
const tokenDelayMs = number("--token-delay-ms", values["token-delay-ms"], { atLeast: 0 });

// After the options are read: wrangler takes a while to load.
const { startPortkey } = await import("./portkey.ts");
const { answers, freePort, startRuntime, storagePlace } = await import("./runtime.ts");

const RESUMES = 50;
const ends: (() => unknown)[] = [];
try {
  await run();
} finally {
  for (const end of ends.toReversed()) await end();
}

async function startModel(tokenDelayMs: number) {
  const port = await freePort();
  const limits = ["--requests-per-minute", "1000000000", "--tokens-per-minute", "1000000000000"];
  const args = [
    "dev/model-server/main.ts",
    "--port",
    String(port),
    "--token-delay-ms",
    String(tokenDelayMs),
    ...limits,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  ends.push(() => child.kill("SIGKILL"));
  await answers(`http://127.0.0.1:${port}/healthz`, child);
  return `http://127.0.0.1:${port}/v1`;
}

async function run(): Promise<void> {
  const urls = { instant: await startModel(0), paced: await startModel(tokenDelayMs) };
  const runtime = await startRuntime(urls, values.disk ? tmpdir() : storagePlace());
  ends.push(() => runtime.close());
  const portkey = await startPortkey();
  if (typeof portkey !== "string") ends.push(() => portkey.close());
  const urlOf = (pace: "instant" | "paced") => urls[pace];
  const direct: Candidate = {
    name: "direct",
    pid: null,
    ask: (pace, ...rest) => openai(`${urlOf(pace)}/chat/completions`, {})(pace, ...rest),
  };
  const pipe: Candidate = {
    name: "byte pipe",
    pid: runtime.pid,
    ask: (pace, ...rest) => openai(`${runtime.pipeUrl}/${pace}`, {})(pace, ...rest),
  };
  const through: Candidate = {
    name: "JS pipe",
    pid: runtime.pid,
    ask: (pace, ...rest) => openai(`${runtime.pipeUrl}/through/${pace}`, {})(pace, ...rest),
  };
  const object: Candidate = {
    name: "object",
    pid: runtime.pid,
    ask: (pace, ...rest) => openai(`${runtime.pipeUrl}/object/${pace}`, {})(pace, ...rest),
  };
  const relay: Candidate = { name: "relay", pid: runtime.pid, ask: sluice(runtime.gatewayUrl, false) };
  const resumable: Candidate = { name: "resumable", pid: runtime.pid, ask: sluice(runtime.gatewayUrl, true) };
  const verbatim: Candidate = {
    name: "verbatim relay",
    pid: runtime.pid,
    ask: openai(`${runtime.gatewayUrl}/v1/chat/completions`, BEARER, (pace) => `${pace}-verbatim`),
  };
  const candidates = [direct, pipe, through, relay, resumable, object, verbatim];
  if (typeof portkey === "string") console.log(`Portkey's gateway is not measured: ${portkey}`);
  else {
    const { url, pid } = portkey;
    const ask: Candidate["ask"] = (pace, ...rest) =>
      openai(`${url}/v1/chat/completions`, {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": urlOf(pace),
        authorization: "Bearer none",
      })(pace, ...rest);
    candidates.push({ name: "portkey", pid, ask });
  }
  printTable(`Time to the first token, beyond direct (${turns} turns)`, await tellFirstTokens(candidates));
  printTable(`Per frame (${streams} streams at once, ${rounds} rounds)`, await tellFrames(candidates));
  printTable("A resumable stream", await tellResumable(runtime));
  printTable("Viewers of one stream", await tellAudience(runtime));
}

async function tellFirstTokens(candidates: readonly Candidate[]): Promise<readonly Line[]> {
  const times = await firstTokens(candidates, turns);
  const [base = []] = times;
  const [, , throughMs = Number.NaN, relayMs = Number.NaN, resumableMs = Number.NaN, objectMs = Number.NaN] =
    times.map((one) => quantile(one, 0.5));
  return [
    ...candidates.map(({ name }, index): Line => {
      const own = times[index] ?? [];
      const added = [0.5, 0.99].map((part) => (quantile(own, part) - quantile(base, part)).toFixed(2));
      const note = `p99 ${added[1]} ms; in all ${quantile(own, 0.5).toFixed(2)} ms`;
      return line(`${name}, p50 ms`, added[0] ?? "", note);
    }),
    atMost("resumable beyond relay, p50 ms", resumableMs - relayMs, 1),
    line("object beyond JS pipe, p50 ms", (objectMs - throughMs).toFixed(2), "the floor of the line above"),
  ];
}

async function tellFrames(candidates: readonly Candidate[]): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const costs = new Map<string, number>();
  for (const [index, cost] of (await frameCosts(candidates, streams, rounds)).entries()) {
    const candidate = candidates[index];
    if (candidate === undefined) continue;
    const { frames, cpuMicrosPerFrame, wallMsPerFrame } = cost;
    costs.set(candidate.name, cpuMicrosPerFrame);
    const note = `${wallMsPerFrame.toFixed(2)} ms a frame, ${frames} frames`;
    lines.push(
      line(`${candidate.name}, CPU µs`, candidate.pid === null ? "–" : cpuMicrosPerFrame.toFixed(1), note),
    );
  }
  const costOf = (name: string) => costs.get(name) ?? Number.NaN;
  const ratio = (over: string, under: string) => costOf(over) / costOf(under);
  lines.push(
    atMost("verbatim relay ÷ byte pipe, CPU", ratio("verbatim relay", "byte pipe"), 2),
    line(
      "relay ÷ byte pipe, CPU",
      ratio("relay", "byte pipe").toFixed(2),
      `JavaScript alone, JS pipe ÷ byte pipe: ${ratio("JS pipe", "byte pipe").toFixed(2)}`,
    ),
    line("relay ÷ JS pipe, CPU", ratio("relay", "JS pipe").toFixed(2)),
    line("resumable ÷ JS pipe, CPU", ratio("resumable", "JS pipe").toFixed(2)),
  );
  if (costs.has("portkey")) {
    lines.push(
      atMost("verbatim relay ÷ portkey, CPU", ratio("verbatim relay", "portkey"), 1),
      line("relay ÷ portkey, CPU", ratio("relay", "portkey").toFixed(2)),
    );
  }
  return lines;
}

async function tellResumable(runtime: Runtime): Promise<readonly Line[]> {
  const { id, view } = await startStream(runtime.gatewayUrl, "paced");
  const { tokens } = await stream(view(0));
  const rows = await rowsOf(runtime.gatewayUrl, id);
  const lines = [
    atMost("rows per 20 tokens, all included", (rows * 20) / tokens, 1, `${rows} rows for ${tokens} tokens`),
    line("rows per 1,000 tokens", ((rows * 1_000) / tokens).toFixed(1)),
  ];
  for (const after of [0, Math.floor(tokens / 2), tokens - 1]) {
    const times: number[] = [];
    for (let turn = 0; turn < RESUMES; turn++) times.push((await stream(view(after))).firstTokenMs);
    lines.push(
      line(
        `resume after frame ${after}, p50 ms`,
        quantile(times, 0.5).toFixed(2),
        `p99 ${quantile(times, 0.99).toFixed(2)}`,
      ),
    );
  }
  return lines;
}

async function tellAudience(runtime: Runtime): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const viewers of [1, 10, 100]) {
    const { cpuMicrosPerFrame, spreadMs } = await audience(runtime.gatewayUrl, runtime.pid, viewers);
    const note = `first to last viewer: p50 ${quantile(spreadMs, 0.5).toFixed(2)}, p99 ${quantile(spreadMs, 0.99).toFixed(2)} ms`;
    lines.push(line(`${viewers}: CPU µs a frame and viewer`, cpuMicrosPerFrame.toFixed(1), note));
  }
  return lines;
}
