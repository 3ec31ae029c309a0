/** The way to a stream's object: by the stream's id. */
import type { Jurisdiction } from "../core/ids.ts";
import type { StreamState } from "../core/stream/model.ts";
import type { StreamFormat } from "./formats/format.ts";
import type { StreamLinks } from "./formats/stream-facts.ts";
import type { IndexKeys } from "./start-gate.ts";
import type { RunOutcome, StreamRequest } from "./port.ts";

export const STREAM_MESSAGE_VERSION = 1;

/** Starts a generation. Repeating it starts no second one. */
export interface StartCommand {
  readonly v: typeof STREAM_MESSAGE_VERSION;
  readonly id: string;
  readonly request: StreamRequest;
  /** Indexes that count it, and are told of its end. */
  readonly countedBy?: IndexKeys;
  /** The object may ask the model again when it died while it wrote. Absent: the stream ends as interrupted. */
  readonly onInterruption?: "reask";
  /** How the caller watches from the first frame on; null: it does not. */
  readonly watch: { readonly format: StreamFormat; readonly links: StreamLinks } | null;
}

/** A question of a run. The same question again joins its generation; another one, or a new try, replaces it. */
export interface RunCommand {
  readonly v: typeof STREAM_MESSAGE_VERSION;
  readonly id: string;
  readonly fingerprint: string;
  readonly request: StreamRequest;
}

export interface StreamStatus {
  readonly id: string;
  readonly state: StreamState;
}

export interface StreamRpc {
  /** Makes the object ready for a start that has not come yet. Does nothing where there is a stream. */
  prepare(): Promise<void>;
  /** null: there is no such stream. A stream that has ended is left as it is. */
  stop(): Promise<StreamStatus | null>;
  /** Settles with the answer. */
  run(command: RunCommand): Promise<RunOutcome>;
}

export type StreamStub = DurableObjectStub & StreamRpc;

/** The binding as Sluice uses it: the platform's own generic type maps every answer recursively. */
export interface StreamNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): StreamStub;
  jurisdiction(jurisdiction: "eu" | "us" | "fedramp"): StreamNamespace;
}

const STREAM_ID = /^strm_[0-9a-f]{32}$/;
/** How a stream ended, beside a 204: for the gateway's own routes. */
export const STREAM_STATE_HEADER = "sluice-stream-state";
/** Objects are reached by URL; nothing resolves this one. */
const OBJECT_URL = "https://stream.invalid/";

/** A fresh stub for every call: after an error a stub stays broken. */
export function streamStub(
  namespace: StreamNamespace,
  id: string,
  /** Of the event whose run it is; a client's own stream has none. */
  jurisdiction: Jurisdiction = "none",
): StreamStub {
  const home = jurisdiction === "none" ? namespace : namespace.jurisdiction(jurisdiction);
  return home.get(home.idFromName(id));
}

export function newStreamId(): string {
  return `strm_${crypto.randomUUID().replaceAll("-", "")}`;
}

export function isStreamId(text: string): boolean {
  return STREAM_ID.test(text);
}

export function startRequest(command: StartCommand): Request {
  return new Request(OBJECT_URL, { method: "POST", body: JSON.stringify(command) });
}

export interface AttachCommand {
  readonly format: StreamFormat;
  /** The last frame the viewer has; null: it does not say. */
  readonly after: number | null;
}

export function attachRequest({ format, after }: AttachCommand): Request {
  const url = new URL(OBJECT_URL);
  url.searchParams.set("format", format);
  if (after !== null) url.searchParams.set("after", String(after));
  return new Request(url);
}
