/**
 * What a deployer's backend asks of the gateway: start an answer, and read it along for its own records. Holds the
 * API token; the page only ever gets the links of one stream.
 */
import { EventSource } from "eventsource";
import * as z from "zod";

const linksSchema = z.object({ id: z.string(), url: z.string(), token: z.string(), stopToken: z.string() });
/** One stream's address and its two tokens: to read, and to stop. */
export type StreamLinks = Readonly<z.infer<typeof linksSchema>>;

export interface GatewayAccess {
  readonly url: string;
  readonly apiToken: string;
}

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** How an answer ended. Anything but `done` left it incomplete. */
export interface Answer {
  readonly text: string;
  readonly end: "done" | "error" | "stopped";
}

export type StartFailure = { readonly status: number; readonly detail: string };

export async function startAnswer(
  gateway: GatewayAccess,
  messages: readonly Message[],
  user: string,
): Promise<StreamLinks | StartFailure> {
  const response = await fetch(`${gateway.url}/v1/streams`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.apiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "fast", messages, user }),
  });
  if (response.status !== 201) return { status: response.status, detail: await response.text() };
  return linksSchema.parse(await response.json());
}

const deltaSchema = z.object({ text: z.string() });
const rewindSchema = z.object({ toId: z.int() });

/** One more viewer, that keeps what was said. It reconnects and resumes by itself, like any `EventSource`. */
export function followAnswer({ url, token }: StreamLinks): Promise<Answer> {
  const ended = Promise.withResolvers<Answer>();
  const source = new EventSource(`${url}?token=${token}`);
  let said: { readonly id: number; readonly text: string }[] = [];
  source.addEventListener("delta", ({ data, lastEventId }: MessageEvent<string>) => {
    said.push({ id: Number(lastEventId), text: deltaSchema.parse(JSON.parse(data)).text });
  });
  source.addEventListener("rewind", ({ data }: MessageEvent<string>) => {
    const { toId } = rewindSchema.parse(JSON.parse(data));
    said = said.filter(({ id }) => id <= toId);
  });
  const finish = (end: Answer["end"]) => {
    source.close();
    ended.resolve({ text: said.map(({ text }) => text).join(""), end });
  };
  source.addEventListener("done", () => finish("done"));
  source.addEventListener("stopped", () => finish("stopped"));
  // Both the gateway's own `error` event, which carries data, and a lost connection, which mends itself.
  source.addEventListener("error", (event) => {
    if ("data" in event || source.readyState === source.CLOSED) finish("error");
  });
  return ended.promise;
}
