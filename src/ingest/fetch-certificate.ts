/** Fetches a certificate's text: bounded in time and size, without following anyone elsewhere. Judges no URL. */
import { LIMITS } from "../config/limits.ts";
import type { FetchCertificate } from "./sns.ts";

export function certificateFetcher(fetcher: typeof fetch): FetchCertificate {
  return async (url) => {
    const signal = AbortSignal.timeout(LIMITS.ingest.senderFetchMs);
    const response = await fetcher(url, { redirect: "manual", signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`the certificate's host answered ${response.status}`);
    }
    return readBoundedText(response.body);
  };
}

/** @throws when it is longer than a certificate, or a set of keys, is */
export async function readBoundedText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > LIMITS.ingest.maxCertificateCharacters) throw new Error("the certificate is too long");
  }
  return text;
}
