/** What whoever starts a stream is given of it: its address, and the tokens that open it. */
import { LIMITS } from "../config/limits.ts";
import type { StreamLinks } from "./formats/stream-facts.ts";
import type { StreamTokens } from "./tokens.ts";

export type LinkTokens = Omit<StreamLinks, "url">;

/** @param startsByMs the stream is started by then: the tokens outlive the longest that it can be read */
export async function mintLinkTokens(
  tokens: StreamTokens,
  id: string,
  startsByMs: number,
): Promise<LinkTokens> {
  const expiresAtMs = startsByMs + LIMITS.streams.maxLifeMs + LIMITS.streams.retentionMs;
  const [token, stopToken] = await Promise.all([
    tokens.mint(id, "read", expiresAtMs),
    tokens.mint(id, "stop", expiresAtMs),
  ]);
  return { token, stopToken };
}

export function linksOf(origin: string, id: string, tokens: LinkTokens): StreamLinks {
  return { url: `${origin}/v1/streams/${id}`, ...tokens };
}
