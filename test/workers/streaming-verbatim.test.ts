import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import {
  completion,
  data,
  delta,
  eventStream,
  fakeUpstream,
  finish,
  pieces,
} from "./models-fake-upstream.ts";
import { answerText } from "./stream-arbitraries.ts";
import { gateway, HELLO, streaming } from "./streaming-fake-gateway.ts";

const VERBATIM = { format: "openai", model: { verbatim: true } } as const;

/** What a provider of its own mind sends: members nobody asked for, comments, other line ends, half a character per piece. */
const PECULIAR = [
  ": warming up\r\n\r\n",
  data({
    id: "up-1",
    model: "real-model",
    x_region: "north",
    choices: [{ index: 0, delta: { role: "assistant" } }],
  }),
  delta("Grüße").replaceAll("\n", "\r\n"),
  ": still here\n\n",
  data({
    id: "up-1",
    model: "real-model",
    choices: [{ index: 0, delta: { content: " 👋" }, logprobs: { content: [] } }],
  }),
  finish("stop", { prompt_tokens: 11, completion_tokens: 7 }),
].join("");

const ERROR_BEHIND = '\n\nid: 1\ndata: {"error"';
const ONE_ERROR = /^\n\nid: 1\ndata: \{"error":.*"code":"(\w+)".*\}\n\n$/;

describe("a verbatim relay", () => {
  it("shows the endpoint's own bytes, whatever their boundaries, and knows what they said", async () => {
    for (const splitBytes of [1, 7, 64, 10_000]) {
      const { post, settled } = gateway(streaming(PECULIAR, { splitBytes }), VERBATIM);
      const response = await post(HELLO);
      expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      expect(await response.text()).toBe(PECULIAR);
      expect(await settled()).toMatchObject({
        reports: [{ outcome: "success", usedTokens: 18 }],
        observed: [{ facts: { modelId: "real-model", usage: { estimated: false } } }],
        flushes: 1,
      });
    }
  });

  it("reads what the AI SDK has to read as well: reasoning, after words", async () => {
    const text =
      delta("So: ") +
      data({ id: "c1", choices: [{ index: 0, delta: { reasoning_content: "hm" } }] }) +
      completion(["yes"]);
    const { post, settled } = gateway(streaming(text, { splitBytes: 50 }), VERBATIM);
    expect(await (await post(HELLO)).text()).toBe(text);
    expect((await settled()).reports).toMatchObject([{ outcome: "success", usedTokens: 18 }]);
  });

  it("is asked for by the config, and only OpenAI's format has it", async () => {
    const answers = [
      gateway(streaming(PECULIAR), { format: "openai" }),
      gateway(streaming(PECULIAR), { model: { verbatim: true } }),
    ];
    for (const { post } of answers) {
      const text = await (await post(HELLO)).text();
      expect(text).toContain("Grüße");
      expect(text).not.toContain("x_region");
    }
  });

  it("has nothing to show of an answer without a word: the gateway tells its end", async () => {
    const { post, settled } = gateway(streaming(finish()), VERBATIM);
    const text = await (await post(HELLO)).text();
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).toContain("[DONE]");
    expect((await settled()).reports).toMatchObject([{ outcome: "success" }]);
  });

  it("is a problem document while nothing has been shown", async () => {
    const { post, settled } = gateway(streaming(data({ error: { message: "secret", code: 503 } })), VERBATIM);
    const response = await post(HELLO);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain("secret");
    expect((await settled()).reports).toMatchObject([{ outcome: "transient" }]);
  });
});

it("a verbatim relay ends with the answer, though the endpoint keeps its connection open", async () => {
  const upstream = streaming(PECULIAR, { ending: "hang" });
  const { post, settled } = gateway(upstream, VERBATIM);
  expect(await (await post(HELLO)).text()).toBe(PECULIAR);
  await upstream.aborted;
  expect((await settled()).reports).toMatchObject([{ outcome: "success", usedTokens: 18 }]);
});

describe("a verbatim relay that breaks", () => {
  const half = `${delta("one")}data: {"choices":[{"del`;

  it.each([
    ["cut", { ending: "close" }],
    ["idle_timeout", { ending: "hang" }],
  ] as const)("shows what came and then one error `%s`", async (code, ending) => {
    const upstream = streaming(half, ending);
    const model = { verbatim: true, timeouts: { idleMs: 30 } };
    const { post, settled } = gateway(upstream, { format: "openai", model });
    const text = await (await post(HELLO)).text();
    expect(text.startsWith(half)).toBe(true);
    expect(ONE_ERROR.exec(text.slice(half.length))?.[1]).toBe(code);
    expect((await settled()).reports).toMatchObject([{ outcome: "transient" }]);
    await upstream.aborted;
  });

  it("by its connection says so as well", async () => {
    const shown = Promise.withResolvers<void>();
    const upstream = streaming(half, { ending: "break", until: shown.promise });
    const { post, settled } = gateway(upstream, VERBATIM);
    const reader = textOf(await post(HELLO));
    expect((await reader.read()).value).toBe(half);
    shown.resolve();
    let rest = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) rest += read.value;
    expect(ONE_ERROR.exec(rest)?.[1]).toBe("cut");
    expect((await settled()).reports).toMatchObject([{ outcome: "transient" }]);
  });

  it("by the endpoint's own error is a failure to the guard, and an error to the viewer", async () => {
    const text = delta("one") + data({ error: { message: "Overloaded", type: "overloaded_error" } });
    const { post, settled } = gateway(streaming(text), VERBATIM);
    expect(await (await post(HELLO)).text()).toContain('"code":"overloaded"');
    expect((await settled()).reports).toMatchObject([{ outcome: "transient" }]);
  });
});

it("whatever comes is shown as it came, ends as the relay that parses says, and is reported as by that", async () => {
  await fc.assert(
    fc.asyncProperty(answerText, fc.integer({ min: 1, max: 400 }), async (text, splitBytes) => {
      const tell = async (verbatim: boolean) => {
        const { post, settled } = gateway(streaming(text, { splitBytes }), {
          format: "openai",
          model: { verbatim },
        });
        const response = await post(HELLO);
        const shown = await response.text();
        const { reports } = await settled();
        const told = reports.map(({ outcome, usedTokens }) => ({ outcome, usedTokens }));
        return { status: response.status, shown, told };
      };
      const [parsed, verbatim] = [await tell(false), await tell(true)];
      expect(verbatim).toMatchObject({ status: parsed.status, told: parsed.told });
      // Whoever has no word to say is told of by the gateway.
      if (!/"content":"[^"]/.test(parsed.shown)) return;
      const hasFailed = parsed.shown.includes('data: {"error"');
      const errorAt = hasFailed ? verbatim.shown.lastIndexOf(ERROR_BEHIND) : verbatim.shown.length;
      // What the gateway gives up it may give up before the last of it was shown.
      const shown = verbatim.shown.slice(0, errorAt);
      expect(text.startsWith(shown)).toBe(true);
      if (hasFailed) expect(ONE_ERROR.exec(verbatim.shown.slice(errorAt))?.[1]).toBe(codeOf(parsed.shown));
      else expect(shown).toBe(text);
    }),
    { numRuns: 50 },
  );
}, 30_000);

describe("a viewer of a verbatim relay that leaves", () => {
  it("ends the upstream, and the guard still learns what was used", async () => {
    const upstream = streaming(delta("12345678"), { ending: "hang" });
    const { post, settled } = gateway(upstream, VERBATIM);
    const viewer = new AbortController();
    const reader = textOf(await post(HELLO, viewer.signal));
    await reader.read();
    viewer.abort();
    await upstream.aborted;
    const { reports, flushes } = await settled();
    expect(reports).toMatchObject([{ outcome: "cancelled" }]);
    expect(reports[0]?.usedTokens).toBeGreaterThan(2);
    expect(flushes).toBe(1);
  });

  it("is noticed by the next piece where its request has no signal", async () => {
    const left = Promise.withResolvers<void>();
    const upstream = fakeUpstream(({ signal }) => {
      const first = pieces(delta("one"), { signal, ending: "hang" });
      let pulls = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            pulls += 1;
            if (pulls === 1) {
              const { value } = await first.body.getReader().read();
              controller.enqueue(value);
              return;
            }
            await left.promise;
            if (pulls > 2) await new Promise<void>(() => undefined);
            controller.enqueue(new TextEncoder().encode(delta("more")));
          },
        },
        { highWaterMark: 0 },
      );
      return eventStream(body);
    });
    const { post, settled } = gateway(upstream, VERBATIM);
    const reader = textOf(await post(HELLO));
    await reader.read();
    await reader.cancel();
    left.resolve();
    await upstream.aborted;
    expect((await settled()).reports).toMatchObject([{ outcome: "cancelled" }]);
  });

  it("or only pauses is run ahead of by little", async () => {
    const endless = pieces(Array.from({ length: 5_000 }, (_, index) => delta(`${index}`)).join(""), {
      splitBytes: delta("100").length,
      ending: "hang",
    });
    const { post } = gateway(
      fakeUpstream(() => eventStream(endless.body)),
      VERBATIM,
    );
    const reader = textOf(await post(HELLO));
    await reader.read();
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    const { listenMaxSteps } = LIMITS.streams;
    expect(endless.pulls()).toBeLessThan(listenMaxSteps + 40);
    await reader.cancel();
  });
});

function codeOf(shown: string): string | undefined {
  return /"code":"(\w+)"/.exec(shown.slice(shown.lastIndexOf('data: {"error"')))?.[1];
}

function textOf(response: Response): ReadableStreamDefaultReader<string> {
  if (response.body === null) throw new Error("no body");
  return response.body.pipeThrough(new TextDecoderStream()).getReader();
}
