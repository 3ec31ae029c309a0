/** Ingest answers 2xx for nothing that is not durable, and says in time that it is not. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import type { AppendOutcome } from "../../src/ingest/ports.ts";
import {
  problemIn,
  stripeRequest,
  testIngest,
  testPipeline,
  type TestIngest,
  BODY,
  fraud,
  stripeSource,
} from "./ingest-support.ts";

describe("what is not durable is not accepted", () => {
  const expectUnavailable = async (response: Response) => {
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe(String(LIMITS.ingest.retryAfterSeconds));
    expect((await problemIn(response)).type).toBe("urn:sluice:problem:unavailable");
  };
  const source = () => ({
    stripe: stripeSource({ routes: (route) => [route("*", fraud), route("*", testPipeline("mail"))] }),
  });

  it("a write that fails: 503, logged as an error", async () => {
    const failing = testIngest(source(), { append: async () => Promise.reject(new Error("queue down")) });
    await expectUnavailable(await failing.ingest(await stripeRequest(BODY), "stripe"));
    expect(failing.logs).toContainEqual({
      level: "error",
      event: "ingest_write_failed",
      error: "queue down",
    });
    expect(failing.logs.at(-1)?.["reason"]).toBe("not_durable:failed");
  });

  it("a write that forgets or refuses one of two events: 503", async () => {
    const outcomes: readonly (readonly [string, (ids: readonly AppendOutcome["id"][]) => AppendOutcome[]])[] =
      [
        ["incomplete", ([id]) => (id === undefined ? [] : [{ id, status: "queued" }])],
        [
          "refused",
          (ids) =>
            ids.map((id, at) =>
              at === 0 ? { id, status: "queued" } : { id, status: "refused", reason: "shed" },
            ),
        ],
      ];
    for (const [reason, answer] of outcomes) {
      const append = async (envelopes: readonly { readonly id: AppendOutcome["id"] }[]) =>
        answer(envelopes.map(({ id }) => id));
      const { ingest, logs } = testIngest(source(), { append });
      await expectUnavailable(await ingest(await stripeRequest(BODY), "stripe"));
      expect(logs.at(-1)?.["reason"]).toBe(`not_durable:${reason}`);
    }
  });

  it("anything unforeseen: 503 and a logged error, never a 500", async () => {
    const broken = testIngest(source(), {
      secret: () => {
        throw new TypeError("unforeseen");
      },
    });
    await expectUnavailable(await broken.ingest(await stripeRequest(BODY), "stripe"));
    expect(broken.logs).toContainEqual({ level: "error", event: "ingest_failed", error: "unforeseen" });
  });

  describe("in time", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    it("a slow write beside a sender that waits: 503 by the time that it must have its answer", async () => {
      const asked = Promise.withResolvers<void>();
      const deadlineMs = 300;
      const both = stripeSource({
        routes: (route) => [
          route("charge.succeeded", testPipeline("book")),
          route("charge.succeeded", testPipeline("judge"), { mode: "sync", deadlineMs, default: null }),
        ],
      });
      const slow = testIngest(
        { stripe: both },
        {
          append: () => {
            asked.resolve();
            return new Promise(() => undefined);
          },
          decide: async () => ({ kind: "known" }),
        },
      );
      const answer = slow.ingest(await stripeRequest(BODY), "stripe");
      await asked.promise;
      await vi.advanceTimersByTimeAsync(deadlineMs);
      await expectUnavailable(await answer);
    });

    it("a slow write: 503 at the deadline, and its late failure is handled", async () => {
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
      const { promise: writing, reject: fail } = Promise.withResolvers<readonly AppendOutcome[]>();
      const append = () => {
        ask();
        return writing;
      };
      const slow: TestIngest = testIngest(source(), { append });
      const answer = slow.ingest(await stripeRequest(BODY), "stripe");
      await asked;
      await vi.advanceTimersByTimeAsync(LIMITS.ingest.durableWithinMs);
      await expectUnavailable(await answer);
      expect(slow.logs.at(-1)?.["reason"]).toBe("not_durable:too_slow");
      fail(new Error("too late"));
      await Promise.all(slow.background);
      expect(slow.logs.at(-1)).toMatchObject({ event: "ingest_write_failed", error: "too late" });
    });
  });
});
