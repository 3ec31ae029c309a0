/** One log, several wire formats. An encoder turns a frame into the events its format has for it. */
import type { Frame } from "../../core/stream/model.ts";
import { openaiEncoder } from "./openai.ts";
import { sluiceEncoder } from "./sluice.ts";
import type { StreamFacts } from "./stream-facts.ts";
import { uiEncoder } from "./ui.ts";

export const STREAM_FORMATS = ["sluice", "ui", "openai"] as const;
export type StreamFormat = (typeof STREAM_FORMATS)[number];

export interface FrameEncoder {
  readonly headers: Readonly<Record<string, string>>;
  encode(frame: Frame): string;
}

export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // Tells nginx and its like not to hold events back.
  "x-accel-buffering": "no",
};

export function createEncoder(format: StreamFormat, facts: StreamFacts): FrameEncoder {
  const encode = { sluice: sluiceEncoder, ui: uiEncoder, openai: openaiEncoder }[format](facts);
  const own: Readonly<Record<string, string>> =
    format === "ui" ? { "x-vercel-ai-ui-message-stream": "v1" } : {};
  return { headers: { ...EVENT_STREAM_HEADERS, ...own }, encode };
}

/** Text from outside; absent is Sluice's own. */
export function parseFormat(text: string | undefined): StreamFormat | undefined {
  return text === undefined ? "sluice" : STREAM_FORMATS.find((format) => format === text);
}
