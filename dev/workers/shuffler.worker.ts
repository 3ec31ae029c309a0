/**
 * Stands between the gateway and its lanes in the demo and in tests: takes what was sent to a lane, shuffles it,
 * doubles some of it, delays some of it, and sends it on. What a real queue may do, more often than it does it.
 */

interface ShufflerEnv {
  /** Lane name → queue, as bindings `OUT_<index>`; `LANES` lists the queue names in that order. */
  readonly [binding: string]: unknown;
}

const DUPLICATE_SHARE = 0.15;
const DELAY_SHARE = 0.15;
/** The queue a message came through is called like its lane, with this at the end. */
const SUFFIX = "-unshuffled";

export default {
  async queue(batch: MessageBatch, env: ShufflerEnv): Promise<void> {
    const lane = batch.queue.slice(0, -SUFFIX.length);
    const out = env[`OUT_${lane}`] as Queue; // bound under this name by the demo's config
    const copies = batch.messages.flatMap((message) =>
      Math.random() < DUPLICATE_SHARE ? [message.body, message.body] : [message.body],
    );
    for (const body of shuffle(copies)) {
      await out.send(body, { contentType: "json", delaySeconds: Math.random() < DELAY_SHARE ? 1 : 0 });
    }
  },
};

function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((left, right) => left.at - right.at)
    .map(({ item }) => item);
}
