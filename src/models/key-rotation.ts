/**
 * Keys are rotated without a gap: several are set, and when the provider refuses one, the request is sent again
 * with the next. The one that worked is used first from then on, in this isolate. Keys live in closures and
 * in the request's header, nowhere else.
 */
import { LIMITS } from "../config/limits.ts";
import { limitBytes } from "./bounded-fetch.ts";
import type { KeyHeader } from "./port.ts";

/** @param keys at least one; the adapter puts any of them into the header, and it is replaced here */
export function rotatingFetch(
  upstream: typeof fetch,
  header: KeyHeader,
  keys: readonly string[],
): typeof fetch {
  let preferred = 0;
  return async (input, init) => {
    const first = preferred;
    for (let tried = 0; ; tried++) {
      const index = (first + tried) % keys.length;
      const headers = new Headers(init?.headers);
      headers.set(header.name, `${header.prefix}${keys[index] ?? ""}`);
      const response = await upstream(input, { ...init, headers });
      const { refused, answer } = await inspect(response);
      if (!refused) preferred = index;
      if (!refused || tried + 1 >= keys.length) return answer;
      await answer.body?.cancel();
    }
  };
}

/** Google answers a wrong key 400, and says in the body which. */
const REFUSED_KEY = "API_KEY_INVALID";

async function inspect(
  response: Response,
): Promise<{ readonly refused: boolean; readonly answer: Response }> {
  if (response.status !== 400 || response.body === null) {
    return { refused: response.status === 401, answer: response };
  }
  const bounded = limitBytes(response.body, LIMITS.models.maxErrorBodyBytes, "cut");
  const text = await new Response(bounded).text();
  return { refused: text.includes(REFUSED_KEY), answer: new Response(text, response) };
}
