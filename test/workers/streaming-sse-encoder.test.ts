import { createParser, type EventSourceMessage } from "eventsource-parser";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { encodeComment, encodeEvent, type ServerSentEvent } from "../../src/streaming/sse-encoder.ts";

function parse(text: string) {
  const events: EventSourceMessage[] = [];
  const comments: string[] = [];
  const retries: number[] = [];
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment),
    onRetry: (retryMs) => retries.push(retryMs),
  });
  parser.feed(text);
  return { events, comments, retries };
}

const line = fc
  .string({ unit: "binary" })
  .filter((text) => !/[\r\n\0]/.test(text) && !text.startsWith("\uFEFF"));

it("an event reads back as it was written, its line ends as LF", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(line, fc.constantFrom("\n", "\r", "\r\n", "", " ", ":", "data: x"))),
      line,
      line,
      (parts, event, id) => {
        const data = parts.join("");
        const { events } = parse(encodeEvent({ event, id, data }));
        expect(events).toEqual([
          { ...(event === "" ? { event: undefined } : { event }), id, data: data.replace(/\r\n|\r/g, "\n") },
        ]);
      },
    ),
  );
});

it("no field can smuggle in another one", () => {
  const forged: ServerSentEvent = { event: "delta\nevent: done", id: "1\r\ndata: forged\0", data: "x" };
  expect(parse(encodeEvent(forged)).events).toEqual([
    { event: "deltaevent: done", id: "1data: forged", data: "x" },
  ]);
});

it("a comment is never an event, and a retry hint is whole milliseconds", () => {
  expect(parse(encodeComment("keep\n\ndata: alive"))).toMatchObject({
    events: [],
    comments: ["keep", "", "data: alive"],
  });
  expect(parse(encodeEvent({ data: "", retryMs: 1_999.6 }))).toMatchObject({
    retries: [2_000],
    events: [{ data: "" }],
  });
});
