/** A media platform's events, each with a text of its own, so that no answer comes from the cache. */
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { seededRandom } from "../lib/random.ts";
import { makeCustomers } from "../senders/customers.ts";
import { buildMediaSample, MEDIA_TYPES } from "../senders/media.ts";
import { DEMO_SECRETS, signSample, type Sample } from "../senders/sample.ts";

const CUSTOMERS = 40;
const AT_ONCE = 16;

export function planComments(count: number, seed: number): readonly Sample[] {
  const random = seededRandom(seed);
  const customers = makeCustomers(random, CUSTOMERS);
  const createdSeconds = Math.floor(Date.now() / 1_000);
  return Array.from({ length: count }, (_, index) => {
    const customer = customers[index % customers.length];
    if (customer === undefined) throw new Error("there are no customers");
    const type = MEDIA_TYPES[index % MEDIA_TYPES.length] ?? "comment.created";
    const sample = buildMediaSample(random, { type, customer, createdSeconds, sequence: index });
    return { ...sample, payload: withMark(sample.payload, index) };
  });
}

/** A number at the end of the text: it means nothing to the model, and makes the text another one. */
function withMark(payload: Sample["payload"], index: number): JsonObject {
  const data = isJsonObject(payload["data"]) ? payload["data"] : {};
  const key = "text" in data ? "text" : "description";
  const text = data[key];
  return { ...payload, data: { ...data, [key]: `${typeof text === "string" ? text : ""} (${index})` } };
}

/** @param onSent hears how many have been accepted so far */
export async function sendAll(
  url: string,
  samples: readonly Sample[],
  onSent: (count: number) => void,
): Promise<void> {
  let next = 0;
  let sent = 0;
  const sender = async (): Promise<void> => {
    for (let sample = samples[next++]; sample !== undefined; sample = samples[next++]) {
      const { headers, body } = signSample(sample, DEMO_SECRETS, Math.floor(Date.now() / 1_000));
      const response = await fetch(`${url}/in/media`, { method: "POST", headers, body });
      await response.text();
      if (response.status !== 200) throw new Error(`an event was answered ${response.status}`);
      onSent(++sent);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}
