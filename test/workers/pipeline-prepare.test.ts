import { describe, expect, it } from "vitest";
import * as z from "zod";
import { definePipeline, type Formatted, type StageContext } from "../../src/config/define-pipeline.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { failure } from "../../src/core/failure.ts";
import { makeEventId } from "../../src/core/ids.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { err, ok } from "../../src/core/result.ts";
import { PermanentError } from "../../src/pipeline/permanent-error.ts";
import { bench, leasedEvent, NOW_MS } from "./pipeline-fixtures.ts";

const live = () => new AbortController().signal;

const plain = definePipeline({
  name: "plain",
  input: z.object({ text: z.string(), amount: z.optional(z.number()) }),
  format: ({ input }) => ({ body: { echoed: input.text } }),
  deliver: ["crm", "audit"],
});

const storedOutput: StoredOutput = {
  v: 1,
  stageVersion: "plain@none",
  value: null,
  body: { echoed: "stored" },
  type: "plain.completed",
  to: ["crm"],
  emits: [],
  model: null,
};

/** A pipeline without a model whose `format` does what the test says. */
const formatting = (format: () => unknown) =>
  definePipeline({
    name: "formatting",
    input: z.object({ text: z.string() }),
    // Deployers may write JavaScript: what comes back is not always what the type says.
    format: () => format() as Formatted,
    deliver: ["crm", "audit"],
  });

async function prepareFormatting(format: () => unknown, parentDepth?: number) {
  const { processor } = bench([formatting(format), plain], { timeouts: { formatMs: 1 } });
  const event = await leasedEvent({ pipeline: "formatting" });
  const id = await makeEventId(event.envelope.partition, { source: "s", dedupeKey: "d", pipeline: "p" });
  const parent = parentDepth === undefined ? null : { id, depth: parentDepth };
  return processor.prepare({ ...event, envelope: { ...event.envelope, parent } }, live());
}

describe("an event that needs no stages", () => {
  it("of a quarantined payload fails for good with the code that ingest gave", async () => {
    const event = await leasedEvent({
      pipeline: "plain",
      envelope: { quarantine: { code: "schema", message: "text: invalid_type" } },
    });
    expect(await bench([plain]).processor.prepare(event, live())).toEqual({
      kind: "failed",
      failure: failure("parse", "permanent", "schema", "text: invalid_type"),
    });
  });

  it("that no route took ends as filtered", async () => {
    const event = await leasedEvent({ pipeline: "unrouted" });
    expect(await bench([plain]).processor.prepare(event, live())).toEqual({
      kind: "filtered",
      reason: "unrouted",
    });
  });

  it("of a pipeline the config lost waits for it instead of dying", async () => {
    const prepared = await bench([]).processor.prepare(await leasedEvent({ pipeline: "plain" }), live());
    expect(prepared).toMatchObject({ kind: "deferred", reason: "pipeline_not_configured" });
  });
});

describe("a stored output", () => {
  it("of the same version is used as it is, and no stage runs", async () => {
    const event = await leasedEvent({ pipeline: "plain", body: "not even JSON", output: storedOutput });
    const { processor, lines } = bench([plain]);
    expect(await processor.prepare(event, live())).toEqual({ kind: "ready", output: storedOutput });
    expect(lines).toEqual([]);
  });

  it("of another version is made anew", async () => {
    const output = { ...storedOutput, stageVersion: "plain@1" };
    const event = await leasedEvent({ pipeline: "plain", body: '{"text":"new"}', output });
    expect(await bench([plain]).processor.prepare(event, live())).toMatchObject({
      kind: "ready",
      output: { stageVersion: "plain@none", body: { echoed: "new" } },
    });
  });

  it("that could not be used is never used, whatever was begun with it", async () => {
    const output = { ...storedOutput, draft: true };
    const event = await leasedEvent({ pipeline: "plain", body: '{"text":"new"}', output });
    expect(await bench([plain]).processor.prepare({ ...event, effectsBegun: true }, live())).toMatchObject({
      kind: "ready",
      output: { body: { echoed: "new" } },
    });
  });

  it("of a person's own words stands, whatever version runs", async () => {
    const output = { ...storedOutput, stageVersion: "plain@1", edited: true };
    const event = await leasedEvent({ pipeline: "plain", body: '{"text":"new"}', output });
    expect(await bench([plain]).processor.prepare(event, live())).toEqual({ kind: "ready", output });
  });

  it("of another version stands once a destination has it: an event has one result", async () => {
    const output = { ...storedOutput, stageVersion: "plain@1" };
    const delivery = {
      destination: "crm",
      idempotencyKey: "k",
      status: 200,
      deliveredAtMs: 1,
      durationMs: 1,
    };
    const event = await leasedEvent({ pipeline: "plain", output, deliveries: [delivery] });
    expect(await bench([plain]).processor.prepare(event, live())).toEqual({ kind: "ready", output });
  });
});

describe("parse", () => {
  const prepare = async (body: string, headers: Record<string, string> = {}) => {
    const event = await leasedEvent({ pipeline: "plain", body, envelope: { headers } });
    return bench([plain]).processor.prepare(event, live());
  };

  it("refuses a wrong payload for good, naming paths and never values", async () => {
    const prepared = await prepare('{"text":12345,"amount":"secret value"}');
    expect(prepared).toEqual({
      kind: "failed",
      failure: failure(
        "parse",
        "permanent",
        "schema",
        "text: invalid_type (string), amount: invalid_type (number)",
      ),
    });
  });

  it("refuses what is not JSON without quoting it", async () => {
    const prepared = await prepare("{ secret");
    expect(prepared).toMatchObject({ failure: { class: "permanent", code: "not_json" } });
    expect(JSON.stringify(prepared)).not.toContain("secret");
  });

  it("reads JSON whatever the sender called it, and forms, with or without a wrapper", async () => {
    const form = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    for (const body of [
      '{"text":"hi"}',
      "text=hi",
      "text=no&text=hi",
      "payload=%7B%22text%22%3A%22hi%22%7D",
    ]) {
      expect(await prepare(body, form)).toMatchObject({ kind: "ready", output: { body: { echoed: "hi" } } });
    }
    expect(await prepare("text=hi")).toMatchObject({ failure: { code: "not_json" } });
  });

  it("fetches a body that lies elsewhere, and passes on why it could not", async () => {
    const body = { kind: "stored", key: "k", sha256: "0", sizeBytes: 13 } as const;
    const event = await leasedEvent({ pipeline: "plain", envelope: { body } });
    const found = bench([plain], { loadBody: async ({ key }) => ok(JSON.stringify({ text: key })) });
    expect(await found.processor.prepare(event, live())).toMatchObject({ output: { body: { echoed: "k" } } });
    const lost = failure("parse", "transient", "payload_unreachable", "R2 did not answer");
    const missing = bench([plain], { loadBody: async () => err(lost) });
    expect(await missing.processor.prepare(event, live())).toEqual({ kind: "failed", failure: lost });
  });

  it("takes a schema that throws for a refusal", async () => {
    const throwing = definePipeline({
      name: "plain",
      input: z.string().transform((): string => {
        throw new TypeError("quotes the secret");
      }),
      format: () => ({ body: null }),
      deliver: [],
    });
    const event = await leasedEvent({ pipeline: "plain", body: '"x"' });
    const prepared = await bench([throwing]).processor.prepare(event, live());
    expect(prepared).toMatchObject({ failure: { stage: "parse", class: "permanent", code: "schema_threw" } });
    expect(JSON.stringify(prepared)).not.toContain("secret");
  });
});

describe("enrich", () => {
  const enriching = (enrich: (text: string, context: StageContext) => Promise<string>) =>
    definePipeline({
      name: "enriching",
      input: z.object({ text: z.string() }),
      enrich: async (input, context) => ({ name: await enrich(input.text, context) }),
      format: ({ input }) => ({ body: input.name }),
      deliver: [],
    });
  const prepare = async (
    enrich: (text: string, context: StageContext) => Promise<string>,
    signal: AbortSignal = live(),
  ) => {
    const { processor, lines } = bench([enriching(enrich)], { timeouts: { enrichMs: 5 } });
    return { prepared: await processor.prepare(await leasedEvent({ pipeline: "enriching" }), signal), lines };
  };

  it("hands its result on", async () => {
    const { prepared } = await prepare(async (text) => `${text} (Ada)`);
    expect(prepared).toMatchObject({ kind: "ready", output: { body: "My parcel never came. (Ada)" } });
  });

  it("is tried again when it throws, and its message stays out of the record", async () => {
    const { prepared } = await prepare(async () => {
      throw new TypeError("no customer ada@example.test");
    });
    expect(prepared).toMatchObject({
      failure: { stage: "enrich", class: "transient", code: "enrich_failed" },
    });
    expect(JSON.stringify(prepared)).toContain("TypeError");
    expect(JSON.stringify(prepared)).not.toContain("ada@");
  });

  it("fails for good when the deployer says so", async () => {
    const { prepared } = await prepare(async () => {
      throw new PermanentError("the customer was deleted", "customer_gone");
    });
    expect(prepared).toEqual({
      kind: "failed",
      failure: failure("enrich", "permanent", "customer_gone", "the customer was deleted"),
    });
  });

  it("that hangs is aborted, its own fetch included, and tried again", async () => {
    const heard = Promise.withResolvers<unknown>();
    const { prepared, lines } = await prepare((_, context) => {
      context.signal.addEventListener("abort", () => heard.resolve(context.signal.reason));
      return new Promise(() => {});
    });
    expect(prepared).toMatchObject({ failure: { class: "transient", code: "enrich_timeout" } });
    expect(await heard.promise).toMatchObject({ name: "TimeoutError" });
    expect(lines.at(-1)).toMatchObject({ fields: { stage: "enrich", code: "enrich_timeout" } });
  });

  it("stops at once when the lease is lost", async () => {
    const lease = new AbortController();
    const { prepared } = await prepare(() => {
      lease.abort();
      return new Promise(() => {});
    }, lease.signal);
    expect(prepared).toMatchObject({ failure: { class: "transient", code: "lease_lost" } });
  });

  it("fetches under the stage's signal even where it passes none", async () => {
    const signals: (AbortSignal | null | undefined)[] = [];
    const { processor } = bench(
      [
        enriching(async (_, context) => {
          const own = new AbortController();
          await context.fetch("https://crm.test/1");
          await context.fetch("https://crm.test/2", { signal: own.signal });
          own.abort();
          return "done";
        }),
      ],
      {
        fetch: async (_, init) => {
          signals.push(init?.signal);
          return new Response();
        },
      },
    );
    const lease = new AbortController();
    await processor.prepare(await leasedEvent({ pipeline: "enriching" }), lease.signal);
    expect(signals.map((signal) => signal?.aborted)).toEqual([false, true]);
  });
});

describe("format", () => {
  it("fills in what the deployer left out", async () => {
    expect(await prepareFormatting(() => ({ body: { a: 1 } }))).toEqual({
      kind: "ready",
      output: {
        v: 1,
        stageVersion: "formatting@none",
        value: null,
        body: { a: 1 },
        type: "formatting.completed",
        to: ["crm", "audit"],
        emits: [],
        model: null,
      },
    });
  });

  it("stores exactly what will be sent", async () => {
    const body = { at: new Date(NOW_MS), gone: undefined, list: [undefined] };
    expect(await prepareFormatting(() => ({ body }))).toMatchObject({
      output: { body: { at: "2023-11-14T22:13:20.000Z", list: [null] } },
    });
  });

  it("holds for a person when it says so", async () => {
    const format = () => ({ body: 1, review: "large amount", to: ["crm", "crm"] });
    expect(await prepareFormatting(format)).toMatchObject({
      kind: "review",
      reason: "large amount",
      output: { stageVersion: "formatting@none", to: ["crm"] },
    });
  });

  it("emits to pipelines that exist", async () => {
    const emit = [{ pipeline: "plain", type: "child", payload: { at: new Date(NOW_MS) } }];
    expect(
      await prepareFormatting(() => ({ body: 1, emit }), LIMITS.partition.maxEmitDepth - 1),
    ).toMatchObject({
      kind: "ready",
      output: { emits: [{ pipeline: "plain", type: "child", payload: { at: "2023-11-14T22:13:20.000Z" } }] },
    });
  });

  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const child = { pipeline: "plain", type: "child", payload: 1 };
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ["format_invalid", () => null],
    ["format_invalid", () => ({})],
    ["format_invalid", () => ({ body: cyclic })],
    ["format_invalid", () => ({ body: 1n })],
    ["format_invalid", () => ({ body: () => 1 })],
    ["format_invalid", () => ({ body: 1, type: "" })],
    ["format_invalid", () => ({ body: 1, to: "crm" })],
    ["format_invalid", () => ({ body: 1, emit: [{ ...child, payload: undefined }] })],
    ["destination_unknown", () => ({ body: 1, to: ["crm", "elsewhere"] })],
    ["body_too_large", () => ({ body: "x".repeat(LIMITS.destinations.maxBodyBytes - 100) })],
    ["body_too_large", () => ({ body: "\u00E9".repeat(LIMITS.destinations.maxBodyBytes / 2) })],
    ["emit_unknown_pipeline", () => ({ body: 1, emit: [{ ...child, pipeline: "gone" }] })],
    ["emit_too_many", () => ({ body: 1, emit: Array.from({ length: 33 }, () => child) })],
    [
      "emit_too_large",
      () => ({ body: 1, emit: [{ ...child, payload: "x".repeat(LIMITS.stages.maxEmitBytes) }] }),
    ],
  ];
  it.each(wrong)("refuses with %s what cannot be stored or sent (%#)", async (code, format) => {
    expect(await prepareFormatting(format)).toMatchObject({
      kind: "failed",
      failure: { stage: "format", class: "permanent", code },
    });
  });

  it("refuses an event for a pipeline that is not among those it declares", async () => {
    const declaring = { ...formatting(() => ({ body: 1, emit: [child] })), emits: ["another"] };
    const event = await leasedEvent({ pipeline: "formatting" });
    expect(await bench([declaring, plain]).processor.prepare(event, live())).toMatchObject({
      kind: "failed",
      failure: { class: "permanent", code: "emit_undeclared_pipeline" },
    });
  });

  it("refuses a chain of emitted events that is too long", async () => {
    const format = () => ({ body: 1, emit: [child] });
    expect(await prepareFormatting(format, LIMITS.partition.maxEmitDepth)).toMatchObject({
      failure: { class: "permanent", code: "emit_too_deep" },
    });
  });

  it("that throws fails for good, and its message stays out of the record", async () => {
    const prepared = await prepareFormatting(() => {
      throw new RangeError("quotes the secret");
    });
    expect(prepared).toMatchObject({
      failure: { stage: "format", class: "permanent", code: "format_threw" },
    });
    expect(JSON.stringify(prepared)).not.toContain("secret");
  });

  it("that was written async all the same has its time limit", async () => {
    expect(await prepareFormatting(() => new Promise(() => {}))).toMatchObject({
      failure: { stage: "format", class: "transient", code: "format_timeout" },
    });
    expect(await prepareFormatting(async () => ({ body: 1 }))).toMatchObject({ kind: "ready" });
  });
});

describe("every stage", () => {
  it("leaves one log line with the event, its trace, the stage, its time and how it went", async () => {
    let nowMs = NOW_MS;
    const { processor, lines } = bench([plain], { nowMs: () => nowMs++ });
    const event = await leasedEvent({ pipeline: "plain" });
    await processor.prepare(event, live());
    const common = {
      event_id: event.envelope.id,
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      pipeline: "plain",
      run: 1,
      attempt: 1,
      duration_ms: 1,
      code: "ok",
    };
    expect(lines.map((line) => line.fields)).toEqual([
      { ...common, stage: "parse" },
      { ...common, stage: "format" },
    ]);
  });

  it("is a span where spans are wanted", async () => {
    const names: string[] = [];
    const { processor } = bench([plain], {
      spans: {
        within: ({ name }, work) => {
          names.push(name);
          return work({ traceparent: "", set: () => undefined, fail: () => undefined });
        },
      },
    });
    await processor.prepare(await leasedEvent({ pipeline: "plain" }), live());
    expect(names).toEqual(["sluice.parse", "sluice.format"]);
  });
});
