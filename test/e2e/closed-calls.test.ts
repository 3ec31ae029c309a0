/**
 * However a call ends, its connection to the provider is closed by that, whatever the provider does meanwhile: neither the provider nor
 * any clock of the call would close it before the test has given up.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROVIDERS, type ProviderName } from "../core/models-support.ts";
import { startBareWorker, type BareWorker } from "../support/bare-workerd.ts";
import {
  startOpenUpstream,
  type Behaviour,
  type OpenUpstream,
  type UpstreamCall,
} from "../support/open-upstream.ts";
import { ANSWERS } from "../support/provider-answers.ts";

const AFTER_MS = 600;
const COMMENT = ": still here\n\n";

const BEHAVIOURS: Readonly<Record<string, (provider: ProviderName) => Behaviour>> = {
  nothing: () => ({}),
  headers: () => ({ text: "" }),
  comments: () => ({ text: COMMENT, drip: COMMENT }),
  words: (provider) => ({ text: ANSWERS[provider].start }),
  "words and comments": (provider) => ({ text: ANSWERS[provider].start, drip: COMMENT }),
};
/** How a call ends, and at which behaviours it can. Anthropic's package hands on no answer before its first event. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  left: Object.keys(BEHAVIOURS),
  cancelled: Object.keys(BEHAVIOURS),
  total_timeout: Object.keys(BEHAVIOURS),
  connect_timeout: ["nothing"],
  first_token_timeout: ["headers", "comments"],
  idle_timeout: ["words"],
};

const CASES = PROVIDERS.flatMap((provider) =>
  Object.entries(ENDINGS)
    .filter(([ending]) => provider !== "anthropic" || ending !== "first_token_timeout")
    .flatMap(([ending, behaviours]) =>
      behaviours.flatMap((behaviour) => {
        const verbatim = provider === "openai" ? [false, true] : [false];
        return verbatim.map((isVerbatim) => ({ provider, ending, behaviour, isVerbatim }));
      }),
    ),
);

let upstream: OpenUpstream;
let worker: BareWorker;
const asked = new Map<string, PromiseWithResolvers<UpstreamCall>>();

beforeAll(async () => {
  upstream = await startOpenUpstream((_, body, call) => {
    const [, name = ""] = /case-(\d+)-/.exec(body) ?? [];
    asked.get(name)?.resolve(call);
    const subject = CASES[Number(name)];
    return subject === undefined ? {} : (BEHAVIOURS[subject.behaviour]?.(subject.provider) ?? {});
  });
  worker = await startBareWorker("dev/workers/closed-calls.worker.ts");
});

afterAll(async () => {
  await worker.close();
  await upstream.close();
});

describe("a call that ends", () => {
  it.concurrent.each(CASES.map((subject, index) => ({ ...subject, index })))(
    "as $ending while $provider sends $behaviour is closed (verbatim: $isVerbatim)",
    async ({ provider, ending, isVerbatim, index }) => {
      const called = Promise.withResolvers<UpstreamCall>();
      asked.set(String(index), called);
      const url = new URL(ending === "left" ? "/leave" : "/call", worker.url);
      const query = {
        provider,
        ending,
        afterMs: String(AFTER_MS),
        url: upstream.url,
        case: `case-${index}-`,
      };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      if (isVerbatim) url.searchParams.set("verbatim", "1");
      const ended = await (await fetch(url)).text();
      expect(ended).toBe(ending);
      const { closed } = await called.promise;
      expect(await closed).toBeGreaterThan(0);
    },
    60_000,
  );
});
