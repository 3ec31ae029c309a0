/**
 * How `useChat` reaches a stream: the backend says which (it alone may start one), the gateway is read directly. Coming back
 * replays the stream from its start, as the AI SDK expects.
 */
import { DefaultChatTransport, type UIMessage } from "ai";
import * as z from "zod/mini";

const linksSchema = z.object({ url: z.string(), token: z.string(), stopToken: z.string() });
export type StreamLinks = z.infer<typeof linksSchema>;

/** @param onLinks told of each stream that is about to be read */
export function createTransport(api: string, onLinks: (links: StreamLinks, isNew: boolean) => void) {
  return new DefaultChatTransport({
    api,
    prepareSendMessagesRequest: ({ messages }) => ({ body: { question: textOf(messages.at(-1)) } }),
    prepareReconnectToStreamRequest: () => ({ api: `${api}/stream` }),
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      if (answer.status !== 200 && answer.status !== 201) return answer;
      const links = linksSchema.parse(await answer.json());
      onLinks(links, answer.status === 201);
      // From the start, also when it ended a moment ago. A token in the URL needs no preflight.
      const url = `${links.url}/stream?after=0&token=${links.token}`;
      return fetch(url, { signal: init?.signal ?? null });
    },
  });
}

export function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Reaches the model; leaving would only end the view. */
export async function stopStream({ url, stopToken }: StreamLinks): Promise<void> {
  await fetch(`${url}?token=${stopToken}`, { method: "DELETE" });
}
