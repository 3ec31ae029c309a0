/** A media platform's own events, signed as Standard Webhooks: comments, uploads, chat messages. */
import type { JsonObject } from "../../src/core/json.ts";
import type { SeededRandom } from "../lib/random.ts";
import type { SampleCustomer } from "./customers.ts";
import { MEDIA_TEXTS, UPLOAD_TITLES, type MediaTextKind } from "./media-texts.ts";
import type { Sample } from "./sample.ts";

export const MEDIA_TYPES = ["comment.created", "upload.created", "chat.message"] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];

export interface MediaSampleOptions {
  readonly type: MediaType;
  readonly customer: SampleCustomer;
  readonly createdSeconds: number;
  readonly kind?: MediaTextKind;
  /** Place of a chat message in its room: the sender's own order. Default: the time, which has ties. */
  readonly sequence?: number;
}

/** About what a moderator sees: most of it is harmless. */
const HARMLESS_SHARE = 0.65;

function pickKind(random: SeededRandom): MediaTextKind {
  if (random.next() < HARMLESS_SHARE) return "benign";
  return random.pick(["spam", "spam", "scam", "harassment", "harassment", "hate", "threat", "self_harm"]);
}

export function buildMediaSample(random: SeededRandom, options: MediaSampleOptions): Sample {
  const { type, customer, createdSeconds } = options;
  const id = `msg_${random.token(24)}`;
  const kind = options.kind ?? pickKind(random);
  const text = random.pick(MEDIA_TEXTS[kind]);
  const author: JsonObject = {
    id: customer.authorId,
    name: customer.name,
    account_age_days: random.integer(0, 2_000),
  };
  return {
    sender: "media",
    type,
    id,
    customer: customer.authorId,
    createdSeconds,
    payload: {
      type,
      timestamp: new Date(createdSeconds * 1_000).toISOString(),
      data: dataFor(random, options, author, text),
    },
  };
}

function dataFor(
  random: SeededRandom,
  { type, customer, createdSeconds, sequence }: MediaSampleOptions,
  author: JsonObject,
  text: string,
): JsonObject {
  switch (type) {
    case "comment.created":
      return {
        comment_id: `com_${random.token(12)}`,
        video_id: `vid_${random.token(8)}`,
        reply_to: null,
        author,
        text,
      };
    case "upload.created":
      return {
        upload_id: `upl_${random.token(12)}`,
        title: random.pick(UPLOAD_TITLES),
        description: text,
        media_type: random.pick(["video/mp4", "audio/mpeg", "image/jpeg"]),
        duration_seconds: random.integer(15, 5_400),
        author,
      };
    case "chat.message":
      return {
        message_id: `cht_${random.token(12)}`,
        room_id: `room_${customer.authorId.slice(-6)}`,
        sequence: sequence ?? createdSeconds,
        author,
        text,
      };
    default:
      return type satisfies never;
  }
}
