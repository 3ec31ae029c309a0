/** The parent's side of one child that runs tests. A child that hangs is ended, with all it started, and replaced. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Mutant, MutantOrder, TestReport } from "./mutant.ts";
import type { TargetName } from "./targets.ts";

export type TestRun =
  | { readonly kind: "reported"; readonly report: TestReport }
  | { readonly kind: "timed_out" }
  /** The child ended without a report. */
  | { readonly kind: "broken"; readonly output: string };

const CHILD = fileURLToPath(new URL("./test-process.ts", import.meta.url));
const START_TIMEOUT_MS = 600_000;

/** Ended together with this process. */
const running = new Set<ChildProcess>();

export class TestRunner {
  private child: ChildProcess | null = null;
  private output = "";
  private readonly target: TargetName;
  private readonly slot: number;

  constructor(target: TargetName, slot: number) {
    this.target = target;
    this.slot = slot;
  }

  /** Runs the tests over the sources as they are. */
  start(): Promise<TestRun> {
    this.end();
    this.output = "";
    const child = fork(CHILD, [this.target, String(this.slot)], {
      detached: true, // a process group of its own, so that pools and workerd end with it
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false" },
    });
    child.stdout?.on("data", (chunk: Buffer) => this.hear(chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.hear(chunk));
    this.child = child;
    running.add(child);
    return this.nextReport(child, START_TIMEOUT_MS);
  }

  async run(mutant: Mutant, timeoutMs: number): Promise<TestRun> {
    if (this.child === null) {
      const started = await this.start();
      if (started.kind !== "reported") return started;
    }
    const { child } = this;
    if (child === null) return { kind: "broken", output: this.output };
    child.send(orderOf(mutant));
    return this.nextReport(child, timeoutMs);
  }

  end(): void {
    if (this.child === null) return;
    endGroup(this.child);
    this.child = null;
  }

  private nextReport(child: ChildProcess, timeoutMs: number): Promise<TestRun> {
    return new Promise((resolve) => {
      const settle = (run: TestRun) => {
        clearTimeout(timer);
        child.removeAllListeners("message");
        child.removeAllListeners("exit");
        if (run.kind !== "reported") this.end();
        resolve(run);
      };
      const timer = setTimeout(() => settle({ kind: "timed_out" }), timeoutMs);
      child.on("message", (report: TestReport) => settle({ kind: "reported", report }));
      child.on("exit", () => settle({ kind: "broken", output: this.output }));
    });
  }

  private hear(chunk: Buffer): void {
    this.output = (this.output + chunk.toString()).slice(-MAX_OUTPUT_CHARACTERS);
  }
}

const MAX_OUTPUT_CHARACTERS = 2_000;

export function endAllRunners(): void {
  for (const child of running) endGroup(child);
}

function endGroup(child: ChildProcess): void {
  running.delete(child);
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

function orderOf({ file, start, end, expected, replacement }: Mutant): MutantOrder {
  return { file, start, end, expected, replacement };
}
