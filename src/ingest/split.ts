/**
 * One body, several events: the items of it, each as a payload of its own. Decides nothing about them. A body that
 * does not have the shape its sender documents stays one event, so that its schema can say what is wrong.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { unreachable } from "../core/result.ts";
import { valueAt } from "./body-fields.ts";
import type { BodySplit } from "./scheme.ts";

/** What a body becomes. `digested` is the part of a payload that a repeat has in common with it. */
interface BodyItem {
  readonly payload: JsonValue;
  readonly digested: JsonValue;
}

/** @returns null for a body that is one event */
export function splitBody(split: BodySplit | undefined, payload: JsonValue): readonly BodyItem[] | null {
  if (split === undefined) return null;
  switch (split.by) {
    case "elements": {
      const items = valueAt(payload, split.path);
      return Array.isArray(items) ? items.map((item) => ({ payload: item, digested: item })) : null;
    }
    case "mailgun":
      return splitMailgun(payload);
    case "meta":
      return splitMeta(payload);
    default:
      return unreachable(split);
  }
}

/** The signature is the body's, so that its token alone would make one event of them all. */
function splitMailgun(payload: JsonValue): readonly BodyItem[] | null {
  if (!isJsonObject(payload)) return null;
  const { "event-data": events, "batch-place": claimed, ...common } = payload;
  if (Array.isArray(events)) {
    return events.map((event, place) => {
      const item = { ...common, "event-data": event, "batch-place": place };
      return { payload: item, digested: item };
    });
  }
  if (claimed === undefined) return null;
  // A place is given here alone: one that came along would make a captured body another event each time.
  const item = { ...common, "event-data": events ?? null };
  return [{ payload: item, digested: item }];
}

/**
 * https://developers.facebook.com/docs/graph-api/webhooks/getting-started : `entry[].changes[]` and
 * `entry[].messaging[]`; a WhatsApp change holds several messages and statuses. An entry's `time` is that of the
 * delivery, and not the same when it is repeated.
 */
function splitMeta(payload: JsonValue): readonly BodyItem[] | null {
  if (!isJsonObject(payload) || !Array.isArray(payload["entry"])) return null;
  const items = payload["entry"].map((entry) => (isJsonObject(entry) ? itemsOfEntry(payload, entry) : null));
  // One entry of another shape: the body is not what is documented.
  return items.every((found) => found !== null) ? items.flat() : null;
}

function itemsOfEntry(payload: JsonObject, entry: JsonObject): readonly BodyItem[] | null {
  const { changes, messaging, ...common } = entry;
  const whole = (part: JsonObject): BodyItem => ({
    payload: { ...payload, entry: [{ ...common, ...part }] },
    digested: [entry["id"] ?? null, part],
  });
  const items: BodyItem[] = [];
  if (Array.isArray(messaging)) items.push(...messaging.map((message) => whole({ messaging: [message] })));
  if (Array.isArray(changes)) {
    for (const change of changes) {
      items.push(...partsOfChange(change).map((part) => whole({ changes: [part] })));
    }
  }
  return Array.isArray(messaging) || Array.isArray(changes) ? items : null;
}

function partsOfChange(change: JsonValue): readonly JsonValue[] {
  const value = isJsonObject(change) ? change["value"] : undefined;
  if (!isJsonObject(change) || !isJsonObject(value)) return [change];
  const { messages, statuses, ...common } = value;
  const part = (list: JsonObject): JsonValue => ({ ...change, value: { ...common, ...list } });
  const parts = [
    ...(Array.isArray(messages) ? messages.map((message) => part({ messages: [message] })) : []),
    ...(Array.isArray(statuses) ? statuses.map((status) => part({ statuses: [status] })) : []),
  ];
  return parts.length === 0 ? [change] : parts;
}
