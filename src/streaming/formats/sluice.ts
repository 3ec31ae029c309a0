/**
 * Sluice's own events, one per frame, under the frame's id:
 *
 *   start {id, model, url?, token?, stopToken?} · delta {text} … · rewind {toId} ·
 *   done {finishReason, usage} | error {class, code, message, usage?} | stopped {usage}
 */
import type { Frame, FrameBody } from "../../core/stream/model.ts";
import { unreachable } from "../../core/result.ts";
import { encodeEvent } from "../sse-encoder.ts";
import { messageOfError } from "../stream-problems.ts";
import type { StreamFacts } from "./stream-facts.ts";

export function sluiceEncoder(facts: StreamFacts): (frame: Frame) => string {
  return ({ id, body }) => {
    // Nearly all frames: JSON holds no line end, and neither member needs to be looked at.
    if (body.kind === "text")
      return `id: ${id}\nevent: delta\ndata: {"text":${JSON.stringify(body.text)}}\n\n`;
    const [event, data] = eventOf(body, facts);
    return encodeEvent({ event, id: String(id), data: JSON.stringify(data) });
  };
}

function eventOf(body: FrameBody, facts: StreamFacts): [event: string, data: object] {
  switch (body.kind) {
    case "start":
      return ["start", { id: facts.id, model: facts.model, ...facts.links }];
    case "text":
      return ["delta", { text: body.text }];
    case "rewind":
      return ["rewind", { toId: body.toId }];
    case "done":
      return ["done", { finishReason: body.finishReason, usage: body.usage }];
    case "stopped":
      return ["stopped", { usage: body.usage }];
    case "error": {
      const { class: failureClass, code, usage } = body;
      const told = { class: failureClass, code, message: messageOfError(body) };
      return ["error", usage === null ? told : { ...told, usage }];
    }
    default:
      return unreachable(body);
  }
}
