import { describe, expect, it } from "vitest";
import { createFollower, lineOf, type TailEvent } from "../../dev/tail/follow.ts";

const NOW_MS = 1_700_000_000_000;

function event(id: string, change: Partial<TailEvent> = {}): TailEvent {
  return {
    id,
    version: 1,
    state: "done",
    source: "stripe",
    type: "charge",
    pipeline: "payments",
    partitionKey: "stripe:cus_1",
    late: false,
    receivedAtMs: NOW_MS - 5_000,
    endedAtMs: NOW_MS - 1_000,
    attempts: 0,
    failure: null,
    model: null,
    ...change,
  };
}

function following(events: () => readonly TailEvent[], pageSize = 100) {
  const asked: URL[] = [];
  const follower = createFollower({
    url: "https://sluice.test",
    token: "admin",
    filter: { state: "dead,review", source: "stripe" },
    lookBackMs: 600_000,
    fetch: async (input) => {
      const url = new URL(input instanceof Request ? input.url : input);
      asked.push(url);
      const from = Number(url.searchParams.get("cursor") ?? 0);
      const all = events();
      const next = from + pageSize < all.length ? String(from + pageSize) : null;
      return Response.json({ events: all.slice(from, from + pageSize), next });
    },
  });
  return { follower, asked };
}

describe("tail", () => {
  it("tells each event once, page by page, the oldest first", async () => {
    const all = Array.from({ length: 7 }, (_, at) => event(`e${at}`, { endedAtMs: NOW_MS - at }));
    const { follower, asked } = following(() => all, 3);
    expect((await follower.look(NOW_MS)).map(({ id }) => id)).toEqual([
      "e6",
      "e5",
      "e4",
      "e3",
      "e2",
      "e1",
      "e0",
    ]);
    expect(await follower.look(NOW_MS)).toEqual([]);
    expect(asked).toHaveLength(6);
    expect(asked[0]?.search).toBe(`?state=dead%2Creview&source=stripe&fromMs=${NOW_MS - 600_000}&limit=100`);
  });

  it("tells an event that ends after younger ones, and one that comes back", async () => {
    const events = [event("young")];
    const { follower } = following(() => events);
    await follower.look(NOW_MS);
    events.push(
      event("old", { receivedAtMs: NOW_MS - 500_000 }),
      event("young", { version: 2, state: "dead" }),
    );
    expect((await follower.look(NOW_MS)).map(({ id, version }) => [id, version])).toEqual([
      ["old", 1],
      ["young", 2],
    ]);
  });

  it("says why the API refuses", async () => {
    const follower = createFollower({
      url: "https://sluice.test",
      token: "wrong",
      filter: {},
      lookBackMs: 1,
      fetch: async () => new Response("unauthorized", { status: 401 }),
    });
    await expect(follower.look(NOW_MS)).rejects.toThrow("/admin/v1/events answered 401: unauthorized");
  });

  it("writes a line that cannot steer the terminal", () => {
    const line = lineOf(
      event("e1", {
        state: "dead",
        failure: {
          stage: "deliver",
          class: "permanent",
          code: "http_404",
          message: "\u001b[2Jgone\nforged line",
        },
      }),
    );
    expect(line).toContain("✗  dead");
    expect(line).toContain("deliver: http_404");
    expect(line).not.toMatch(/\p{Cc}/u);
  });
});
