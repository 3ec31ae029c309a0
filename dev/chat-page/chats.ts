/** The page's conversations, in memory: what was asked, the stream that answers it, and the answer once it has ended. */
import { followAnswer, startAnswer, type Answer, type GatewayAccess, type Message } from "./gateway.ts";
import type { StartFailure, StreamLinks } from "./gateway.ts";

/** As the page shows it. */
export interface Turn {
  readonly question: string;
  readonly streamId: string;
  /** null: still being written. */
  readonly answer: Answer | null;
}

interface KeptTurn {
  readonly question: string;
  readonly links: StreamLinks;
  answer: Answer | null;
}

export interface Chats {
  turns(chatId: string): readonly Turn[];
  /** The stream that is being written; null: none. */
  active(chatId: string): StreamLinks | null;
  ask(chatId: string, question: string): Promise<StreamLinks | StartFailure>;
}

const MAX_CHATS = 1_000;

export function createChats(gateway: GatewayAccess): Chats {
  const turnsByChat = new Map<string, KeptTurn[]>();
  return {
    turns: (chatId) =>
      (turnsByChat.get(chatId) ?? []).map(({ question, links, answer }) => ({
        question,
        streamId: links.id,
        answer,
      })),
    active: (chatId) => turnsByChat.get(chatId)?.find(({ answer }) => answer === null)?.links ?? null,
    async ask(chatId, question) {
      const turns = turnsByChat.get(chatId) ?? [];
      const links = await startAnswer(
        gateway,
        [...messagesOf(turns), { role: "user", content: question }],
        chatId,
      );
      if (!("id" in links)) return links;
      const turn: KeptTurn = { question, links, answer: null };
      turns.push(turn);
      turnsByChat.set(chatId, turns);
      const [oldest] = turnsByChat.keys();
      if (turnsByChat.size > MAX_CHATS && oldest !== undefined) turnsByChat.delete(oldest);
      void followAnswer(links).then((answer) => {
        turn.answer = answer;
      });
      return links;
    },
  };
}

function messagesOf(turns: readonly KeptTurn[]): readonly Message[] {
  return turns.flatMap(({ question, answer }): Message[] => {
    const text = answer?.text ?? "";
    return text === ""
      ? []
      : [
          { role: "user", content: question },
          { role: "assistant", content: text },
        ];
  });
}
