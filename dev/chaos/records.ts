/** What a run writes down beside the sink's and the model server's own records. */
import { join } from "node:path";
import * as z from "zod";
import { parseModelCall, type ModelCall } from "../model-server/call-record.ts";
import { parseSinkRecord, type SinkRecord } from "../sink/sink-record.ts";
import { readLines } from "./json-lines.ts";

/** An event that was answered 2xx. Written before its customer's next one is sent. */
const ackSchema = z.object({
  /** The sender's id of the event, which effects carry. */
  reference: z.string(),
  /** Whose order it belongs to. */
  customer: z.string(),
  sender: z.string(),
  eventId: z.string(),
  word: z.string(),
  attempts: z.int(),
  ackedAtMs: z.number(),
});
/** The runtime's life: `start` when it was spawned, `kill` when it was gone. */
const lifeSchema = z.object({ what: z.enum(["start", "ready", "kill"]), atMs: z.number() });
/** How an event had ended when everything was over, as the gateway tells it. */
const endSchema = z.object({
  /** The acknowledged event, or the one that it came from. */
  reference: z.string(),
  eventId: z.string(),
  state: z.string(),
  late: z.boolean(),
  /** When a model's output was first stored. */
  outputAtMs: z.number().nullable(),
  /** When a try failed for the time being, or its driver was given up. */
  setbacksAtMs: z.array(z.number()),
});

export type Ack = Readonly<z.output<typeof ackSchema>>;
export type Life = Readonly<z.output<typeof lifeSchema>>;
export type End = Readonly<z.output<typeof endSchema>>;

export interface Files {
  readonly sink: string;
  readonly model: string;
  readonly acks: string;
  readonly life: string;
  readonly ends: string;
  readonly lanes: string;
}

export function filesIn(folder: string): Files {
  const file = (name: string): string => join(folder, `${name}.jsonl`);
  return {
    sink: file("sink"),
    model: file("model"),
    acks: file("acknowledged"),
    life: file("life"),
    ends: file("ends"),
    lanes: file("lanes"),
  };
}

export interface Records {
  readonly deliveries: readonly SinkRecord[];
  readonly calls: readonly ModelCall[];
  readonly acks: readonly Ack[];
  readonly life: readonly Life[];
  readonly ends: readonly End[];
}

const parseWith =
  <Schema extends z.ZodType>(schema: Schema) =>
  (value: unknown): z.output<Schema> | null => {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : null;
  };

export function readRecords(files: Files): Records {
  return {
    deliveries: readLines(files.sink, parseSinkRecord),
    // The last line of a call is its truth.
    calls: [
      ...new Map(
        readLines(files.model, parseModelCall).map((call): [string, ModelCall] => [call.id, call]),
      ).values(),
    ],
    acks: readLines(files.acks, parseWith(ackSchema)),
    life: readLines(files.life, parseWith(lifeSchema)),
    ends: readLines(files.ends, parseWith(endSchema)),
  };
}

export function referenceOf(record: SinkRecord): string | null {
  const parsed = z.object({ data: z.object({ reference: z.string() }) }).safeParse(record.body);
  return parsed.success ? parsed.data.data.reference : null;
}
