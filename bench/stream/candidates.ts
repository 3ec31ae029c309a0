/** The ways to a model that are compared, and one stream over any of them. */
import { request as httpRequest, Agent } from "node:http";
import { LOCAL_API_TOKEN } from "../../dev/lib/local-secrets.ts";

export type Pace = "instant" | "paced";

export interface Candidate {
  readonly name: string;
  /** The process whose CPU it costs; null: there is none between. */
  readonly pid: number | null;
  readonly ask: (pace: Pace, prompt: string, maxTokens: number) => Ask;
}

export interface Ask {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Occurs in every event that carries a token. */
  readonly mark: string;
}

const JSON_BODY = { "content-type": "application/json" };
export const BEARER = { authorization: `Bearer ${LOCAL_API_TOKEN}` };
const OPENAI_MARK = '"content":"';

export function openai(
  url: string,
  headers: Readonly<Record<string, string>>,
  modelOf: (pace: Pace) => string = () => "sluice-standin-1",
): Candidate["ask"] {
  return (pace, content, max_tokens) => ({
    url,
    method: "POST",
    headers: { ...JSON_BODY, ...headers },
    body: JSON.stringify({
      model: modelOf(pace),
      stream: true,
      stream_options: { include_usage: true },
      max_tokens,
      messages: [{ role: "user", content }],
    }),
    mark: OPENAI_MARK,
  });
}

export function sluice(url: string, resumable: boolean): Candidate["ask"] {
  return (pace, input, maxOutputTokens) => ({
    url: `${url}/v1/streams`,
    method: "POST",
    headers: { ...JSON_BODY, ...BEARER, accept: "text/event-stream" },
    body: JSON.stringify({ model: pace, input, maxOutputTokens, resumable }),
    mark: "event: delta",
  });
}

export interface Streamed {
  /** From the request to the first token. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly tokens: number;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });

/** @param onToken told of each, with its number */
export function stream(asked: Ask, onToken?: (token: number, atMs: number) => void): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let firstTokenMs = Number.NaN;
    let tokens = 0;
    let text = "";
    const { method, headers, body } = asked;
    const outgoing = httpRequest(asked.url, { method, headers, agent }, (incoming) => {
      incoming.setEncoding("utf8");
      incoming.on("data", (piece: string) => {
        const nowMs = performance.now();
        text += piece;
        for (let at = piece.indexOf(asked.mark); at >= 0; at = piece.indexOf(asked.mark, at + 1)) {
          // OpenAI's first chunk has a role and no words.
          if (asked.mark === OPENAI_MARK && piece.charAt(at + asked.mark.length) === '"') continue;
          if (tokens === 0) firstTokenMs = nowMs - startMs;
          tokens += 1;
          onToken?.(tokens, nowMs);
        }
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        if (incoming.statusCode !== 200 || tokens === 0) {
          reject(new Error(`${asked.url}: ${incoming.statusCode} ${text.slice(0, 300)}`));
        } else resolve({ firstTokenMs, totalMs: performance.now() - startMs, tokens, text });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
