/** Streams over their real object, in workerd; the model behind it is a fake upstream, or one that is fed by hand. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { StreamState } from "../../src/core/stream/model.ts";
import type { BudgetKeeper } from "../../src/guard/budgets.ts";
import type { Admission, CallReport, GuardClient } from "../../src/guard/port.ts";
import type { OpenAICompatibleOptions } from "../../src/models/openai-compatible.ts";
import type { StreamFormat } from "../../src/streaming/formats/format.ts";
import type { StreamedCall } from "../../src/streaming/admit-call.ts";
import { StreamObjectBase } from "../../src/streaming/stream-object.ts";
import {
  attachRequest,
  newStreamId,
  startRequest,
  streamStub,
  type StreamStub,
} from "../../src/streaming/stub.ts";
import {
  eventStream,
  fakeModel,
  fakeUpstream,
  finish,
  type FakeUpstream,
  type UpstreamCall,
} from "./models-fake-upstream.ts";
import { recordingLogger, type LogLine } from "./pipeline-fixtures.ts";
import { eventually } from "../support/eventually.ts";

export interface TestStream {
  readonly id: string;
  readonly reports: readonly CallReport[];
  /** What the gateway was told of calls that are over. */
  readonly observed: readonly StreamedCall[];
  readonly logged: readonly LogLine[];
  /** What budgets were charged. */
  readonly charged: readonly { readonly model: string; readonly caller: unknown; readonly micros: number }[];
  /** Streams whose end was told to those who count them. */
  readonly ends: readonly string[];
  /** What the guard says from now on. */
  refuse(admission: Admission): Promise<void>;
  /** Also those that come back after a death: until the test restores its mocks. */
  serveEveryInstance(): Promise<void>;
  /** The guard has been told. */
  settled(): Promise<void>;
  readonly upstream: FakeUpstream;
  stub(): StreamStub;
  start(
    watch?: StreamFormat | null,
    onInterruption?: "end" | "reask",
    countedBy?: readonly string[],
    signal?: AbortSignal,
  ): Promise<Response>;
  attach(after?: number | null, format?: StreamFormat): Promise<Response>;
  inside<Value>(
    look: (object: StreamObjectBase, state: DurableObjectState) => Value | Promise<Value>,
  ): Promise<Value>;
}

export async function testStream(
  upstream: FakeUpstream,
  model: Partial<OpenAICompatibleOptions> = {},
  id = newStreamId(),
): Promise<TestStream> {
  let refused: Admission | null = null;
  const reports: CallReport[] = [];
  const ends: string[] = [];
  const observed: StreamedCall[] = [];
  const logged: LogLine[] = [];
  let flushed = false;
  const guard: GuardClient = {
    admit: async () =>
      refused ?? {
        kind: "granted",
        permit: {
          settle: (report) => {
            reports.push(report);
          },
        },
      },
    flush: async () => {
      flushed = true;
    },
  };
  const charged: { model: string; caller: unknown; micros: number }[] = [];
  const budgets: BudgetKeeper = {
    check: async () => ({ kind: "within" }),
    charge: (asked, caller, { micros }) => charged.push({ model: asked, caller, micros }),
    flush: async () => undefined,
  };
  const calls = {
    budgets,
    models: fakeModel(upstream, model).registry,
    guard,
    nowMs: Date.now,
    log: recordingLogger(logged),
    observe: (call: StreamedCall) => observed.push(call),
    ended: async (_: readonly string[], ended: string, state: StreamState) => {
      ends.push(`${ended} ${state}`);
    },
  };
  const stub = () => streamStub(env.STREAM, id);
  const object: () => DurableObjectStub = stub;
  const inside: TestStream["inside"] = (look) =>
    runInDurableObject(object(), (instance, state) => {
      if (!(instance instanceof StreamObjectBase)) throw new Error("not a stream");
      return look(instance, state);
    });
  await inside((instance) => Object.assign(instance, { services: () => calls }));
  return {
    id,
    reports,
    observed,
    ends,
    logged,
    charged,
    refuse: async (admission) => {
      refused = admission;
    },
    serveEveryInstance: () =>
      inside((instance) => {
        vi.spyOn(Object.getPrototypeOf(instance), "services").mockReturnValue(calls);
      }),
    settled: () => eventually(() => expect(flushed).toBe(true)),
    upstream,
    stub,
    inside,
    start: (watch = null, onInterruption = "end", countedBy = [], signal) =>
      stub().fetch(
        startRequest({
          v: 1,
          id,
          request: {
            model: "fast",
            texts: ["Say hello."],
            options: { prompt: [{ role: "user", content: [{ type: "text", text: "Say hello." }] }] },
          },
          countedBy,
          ...(onInterruption === "reask" ? { onInterruption } : {}),
          watch: watch === null ? null : { format: watch, links: { url: "u", token: "t", stopToken: "s" } },
        }),
        signal === undefined ? {} : { signal },
      ),
    attach: (after = null, format = "sluice") => stub().fetch(attachRequest({ format, after })),
  };
}

/**
 * An upstream that says what it is told, when it is told. It runs inside the object, whose streams and promises the test must
 * not touch: what is said is left where it looks.
 */
export function fedUpstream() {
  const said: string[] = [];
  const ending: { how: "close" | "cut" | null } = { how: null };
  const respond = ({ signal }: UpstreamCall) =>
    eventStream(
      new ReadableStream<Uint8Array>({
        start(controller) {
          signal.addEventListener("abort", () => controller.error(signal.reason), { once: true });
        },
        async pull(controller) {
          while (said.length === 0 && ending.how === null && !signal.aborted) await nextTurn();
          if (signal.aborted) return;
          const text = said.shift();
          if (text !== undefined) controller.enqueue(new TextEncoder().encode(text));
          else if (ending.how === "cut") controller.error(new Error("Network connection lost."));
          else controller.close();
        },
      }),
    );
  const upstream = fakeUpstream(respond);
  return {
    upstream,
    /** For a test that answers some calls itself. */
    respond,
    say: (text: string) => {
      said.push(text);
    },
    /** The model's own end, and that of its connection. */
    finish: (usage?: { prompt_tokens: number; completion_tokens: number }) => {
      said.push(finish("stop", usage));
      ending.how = "close";
    },
    end: (how: "close" | "cut") => {
      ending.how = how;
    },
    called: () => eventually(() => expect(upstream.calls).not.toHaveLength(0)),
    aborted: () => eventually(() => expect(upstream.calls[0]?.signal.aborted).toBe(true)),
  };
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Its record is refused, and the object reset: not when it is written, but when the platform commits it. */
export function failToCommit(stream: TestStream): Promise<void> {
  return stream.inside((object, { storage: { sql } }) => {
    sql.exec("CREATE TABLE parents (id INTEGER PRIMARY KEY)");
    sql.exec("CREATE TABLE children (parent INTEGER REFERENCES parents (id))");
    const store = Reflect.get(object, "store");
    const begin = store.begin.bind(store);
    store.begin = (...record: unknown[]) => {
      begin(...record);
      sql.exec("PRAGMA defer_foreign_keys = ON");
      sql.exec("INSERT INTO children (parent) VALUES (1)");
    };
  });
}
