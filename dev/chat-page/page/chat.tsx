/** The chat page: `useChat` over the gateway's streams. Type, watch, reload in the middle, open a second tab, stop. */
import { useChat } from "@ai-sdk/react";
import type { UIMessage } from "ai";
import { useEffect, useMemo, useRef, useState, type SubmitEvent } from "react";
import { createRoot } from "react-dom/client";
import * as z from "zod/mini";
import { createTransport, stopStream, textOf, type StreamLinks } from "./transport.ts";

const turnsSchema = z.object({
  turns: z.array(
    z.object({
      question: z.string(),
      streamId: z.string(),
      answer: z.nullable(z.object({ text: z.string(), end: z.string() })),
    }),
  ),
});

/** A connection that was lost is taken up again after this. */
const RECONNECT_MS = 1_000;

/** In the address, so that a reload and a second tab are the same conversation. */
function chatIdOf(location: Location): string {
  if (location.hash.length < 2) location.hash = crypto.randomUUID();
  return location.hash.slice(1);
}

async function loadMessages(api: string): Promise<UIMessage[]> {
  const { turns } = turnsSchema.parse(await (await fetch(api)).json());
  return turns.flatMap(({ question, streamId, answer }): UIMessage[] => [
    { id: `${streamId}-question`, role: "user", parts: [{ type: "text", text: question }] },
    ...(answer === null
      ? []
      : [
          { id: streamId, role: "assistant" as const, parts: [{ type: "text" as const, text: answer.text }] },
        ]),
  ]);
}

interface ChatProps {
  readonly chatId: string;
  readonly api: string;
  readonly initial: UIMessage[];
}

function Chat({ chatId, api, initial }: ChatProps) {
  const links = useRef<StreamLinks | null>(null);
  const otherTabs = useMemo(() => new BroadcastChannel(`chat-${chatId}`), [chatId]);
  const transport = useMemo(
    () =>
      createTransport(api, (found, isNew) => {
        links.current = found;
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, which has none
        if (isNew) otherTabs.postMessage("asked");
      }),
    [api, otherTabs],
  );
  const [question, setQuestion] = useState("");
  const chat = useChat({
    id: chatId,
    messages: initial,
    transport,
    resume: true,
    onFinish: ({ isDisconnect }) => {
      if (isDisconnect) setTimeout(() => void chat.resumeStream(), RECONNECT_MS);
    },
  });
  const { messages, status, error, setMessages, resumeStream } = chat;
  const isBusy = status === "submitted" || status === "streaming";

  useEffect(() => {
    const follow = () => {
      void loadMessages(api).then((loaded) => {
        setMessages(loaded);
        return resumeStream();
      });
    };
    otherTabs.addEventListener("message", follow);
    return () => otherTabs.removeEventListener("message", follow);
  }, [api, otherTabs, resumeStream, setMessages]);

  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    if (question.trim() === "" || isBusy) return;
    setQuestion("");
    void chat.sendMessage({ text: question });
  };
  const stop = () => {
    if (links.current !== null) void stopStream(links.current);
  };

  return (
    <main data-status={status}>
      <header>
        <h1>Sluice</h1>
        <p>Answers stream from the gateway. Reload in the middle, or open this address in a second tab.</p>
      </header>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {textOf(message)}
          </li>
        ))}
      </ol>
      {error === undefined ? null : <p role="alert">{error.message}</p>}
      <form onSubmit={ask}>
        <textarea
          aria-label="Question"
          placeholder="Paste a letter, a ticket, a review…"
          rows={3}
          value={question}
          onChange={(event) => setQuestion(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey) event.currentTarget.form?.requestSubmit();
          }}
        />
        {isBusy ? (
          <button type="button" className="stop" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
      </form>
    </main>
  );
}

const root = document.querySelector("#root");
if (root === null) throw new Error("index.html has no #root");
const chatId = chatIdOf(window.location);
const api = `/api/chats/${chatId}`;
const initial = await loadMessages(api);
createRoot(root).render(<Chat chatId={chatId} api={api} initial={initial} />);
