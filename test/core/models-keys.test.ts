/** A marked key goes to the provider and nowhere else, also where the provider or the runtime quotes it. */
import { describe, expect, it, vi } from "vitest";
import { reportOf } from "../../src/models/call.ts";
import { createModelRegistry } from "../../src/models/registry.ts";
import { call, configure, define, PROVIDERS } from "./models-support.ts";

const MARKER = "marker0key0value";
const KEY = `sk-${MARKER}`;

const quoting = (status: number) =>
  Response.json(
    {
      type: "error",
      error: {
        message: `Incorrect API key provided: ${KEY}`,
        type: "authentication_error",
        code: `invalid ${KEY}`,
        status: `KEY_${KEY}`,
        details: [{ reason: KEY }],
      },
    },
    { status, headers: { "x-request-id": "req_1", "www-authenticate": `Bearer ${KEY}` } },
  );

const answers: readonly (readonly [string, () => Promise<Response>])[] = [
  ["an error that quotes it", async () => quoting(401)],
  ["a bad request that quotes it", async () => quoting(400)],
  ["a server error that quotes it", async () => quoting(500)],
  ["a page that quotes it", async () => new Response(`<p>${KEY}</p>`)],
  [
    "a stream that quotes it in an error",
    async () =>
      new Response(
        `event: error\ndata: ${JSON.stringify({ type: "error", error: { type: KEY, message: KEY, code: KEY, status: KEY } })}\n\n`,
        {
          headers: { "content-type": "text/event-stream" },
        },
      ),
  ],
  ["a runtime that quotes it", () => Promise.reject(new TypeError(`invalid header value: ${KEY}`))],
];

describe.each(PROVIDERS)("a key for %s", (provider) => {
  it.each(answers)("is in no result, report or log after %s", async (_, respond) => {
    const written: string[] = [];
    const consoles = (["log", "info", "warn", "error", "debug"] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation((...args) => void written.push(JSON.stringify(args))),
    );
    try {
      const sent: string[] = [];
      const spying: typeof fetch = (_input, init) => {
        sent.push(
          JSON.stringify([...new Headers(init?.headers)]),
          typeof init?.body === "string" ? init.body : "",
        );
        return respond();
      };
      const definition = define(provider, "https://model.test", { apiKey: ["KEY", "NEXT_KEY"] });
      const model = configure(definition, { KEY, NEXT_KEY: `${KEY}2` }, spying);
      const result = await call(model);
      expect(sent[0]).toContain(KEY);
      expect(sent[1]).toContain("Acme");
      expect(sent[1]).not.toContain(MARKER);
      expect(JSON.stringify([result, reportOf(result), definition, written])).not.toContain(MARKER);
    } finally {
      for (const spy of consoles) spy.mockRestore();
    }
  });

  it("is taken out of the provider's reason, which is kept", async () => {
    const model = configure(define(provider, "https://model.test"), { KEY: MARKER }, async () =>
      Response.json({ error: { message: `no access for ${MARKER} to this model` } }, { status: 403 }),
    );
    expect(await call(model)).toMatchObject({
      ok: false,
      error: {
        failure: {
          code: "unauthorized",
          answer: expect.stringContaining("no access for [secret] to this model"),
        },
      },
    });
  });

  it("that cannot be sent at all is not quoted either", async () => {
    const unusable = `${KEY}\nbroken`;
    const model = configure(define(provider, "https://model.test"), { KEY: unusable });
    expect(JSON.stringify(await call(model))).not.toContain(MARKER);
  });
});

describe("a model that cannot be built", () => {
  it("names the binding, never its value", () => {
    const definition = define("openai", "https://model.test");
    const models = createModelRegistry(new Map([["fast", { ...definition, variables: ["URL"] }]]), {
      binding: (name) => (name === "KEY" ? KEY : undefined),
      fetch,
    });
    const found = models.get("fast");
    expect(JSON.stringify(found)).toContain("URL");
    expect(JSON.stringify(found)).not.toContain(MARKER);
  });
});
