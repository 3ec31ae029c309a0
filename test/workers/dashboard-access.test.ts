/** Who gets into the dashboard, what a session may do, and what another site can make a browser do: nothing. */
import { beforeAll, describe, expect, it } from "vitest";
import { emptyLedger } from "./ledger-support.ts";
import { FROM_HERE, formKeyOf, Visitor, visitorInside } from "./dashboard-support.ts";
import { ADMIN_TOKEN, Operator } from "./operator-support.ts";

const operator = new Operator();
const PAGES = ["", "/events", "/dead-letters", "/reviews", "/partitions", "/guards", "/replays"];
const PAUSED = "d1o_0123456789abcdefghjkmnpqrs";
/** Nobody ever manages to. */
const NOT_PAUSED = "d1o_1123456789abcdefghjkmnpqrs";

beforeAll(async () => {
  await emptyLedger();
});

async function tokenWith(...scopes: string[]): Promise<{ id: string; token: string }> {
  const { body } = await operator.post("/tokens", { name: "somebody", scopes });
  return { id: String(body["id"]), token: String(body["token"]) };
}

describe("the dashboard", () => {
  it.each(PAGES)("asks whoever has no session to log in, and shows nothing: /dashboard%s", async (page) => {
    const shown = await new Visitor().get(`/dashboard${page}`);
    expect(shown.status).toBe(303);
    expect(shown.location).toMatch(/^\/dashboard\/login/);
    expect(shown.text).toBe("");
  });

  it("lets in whoever has an operator token, on to the page that was asked for", async () => {
    const visitor = new Visitor();
    const { location } = await visitor.get("/dashboard/events?source=stripe");
    const next = new URL(location, visitor.origin).searchParams.get("next") ?? "";
    const entered = await visitor.send("/dashboard/login", { token: ADMIN_TOKEN, next });
    expect(entered.location).toBe("/dashboard/events?source=stripe");
    expect((await visitor.get(entered.location)).status).toBe(200);
  });

  it.each([
    "https://evil.test/",
    "//evil.test/x",
    "/dashboard@evil.test",
    "javascript:alert(1)",
    "/admin/v1",
  ])("sends nobody elsewhere after the login: %s", async (next) => {
    const entered = await new Visitor().send("/dashboard/login", { token: ADMIN_TOKEN, next });
    expect(entered.location).toBe("/dashboard");
  });

  it("refuses other tokens, and tells an address that tries often to wait", async () => {
    const visitor = new Visitor();
    const statuses: number[] = [];
    for (let count = 0; count < 12; count++) {
      const shown = await visitor.send(
        "/dashboard/login",
        { token: `guess-${count}` },
        { ...FROM_HERE, "cf-connecting-ip": "203.0.113.7" },
      );
      statuses.push(shown.status);
    }
    expect(new Set(statuses.slice(0, 10))).toEqual(new Set([401]));
    expect(statuses.at(-1)).toBe(429);
    expect(visitor.cookie).toBe("");
  });

  it("keeps the token out of the cookie and the pages, and the cookie from scripts, other sites and plain HTTP", async () => {
    const visitor = new Visitor();
    const entered = await visitor.logIn();
    const cookie = entered.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-sluice_session=/);
    for (const part of ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"]) expect(cookie).toContain(part);
    expect(cookie).not.toContain(ADMIN_TOKEN);
    for (const page of PAGES)
      expect((await visitor.get(`/dashboard${page}`)).text).not.toContain(ADMIN_TOKEN);
  });

  it("works over plain HTTP on a developer's machine", async () => {
    const visitor = await visitorInside("http://127.0.0.1:8787");
    expect(visitor.cookie).toMatch(/^sluice_session=/);
    expect((await visitor.get("/dashboard")).status).toBe(200);
  });

  it("takes no cookie that was changed, and none that another secret has sealed", async () => {
    const visitor = await visitorInside();
    const [name = "", value = ""] = visitor.cookie.split("=");
    const changed = new Visitor();
    changed.cookie = `${name}=${value.slice(0, -2)}${value.endsWith("AA") ? "BB" : "AA"}`;
    expect((await changed.get("/dashboard")).location).toBe("/dashboard/login?reason=ended");
    const other = new Visitor(undefined, { SLUICE_ADMIN_TOKEN: "another-token" });
    other.cookie = visitor.cookie;
    expect((await other.get("/dashboard")).status).toBe(303);
  });

  it("ends a session with its token: a revocation counts at once", async () => {
    const { id, token } = await tokenWith("read");
    const visitor = new Visitor();
    await visitor.logIn(token);
    expect((await visitor.get("/dashboard/events")).status).toBe(200);
    await operator.post(`/tokens/${id}/revoke`);
    expect((await visitor.get("/dashboard/events")).location).toBe("/dashboard/login?reason=ended");
    expect(visitor.cookie).toBe("");
  });

  it("ends a session on request", async () => {
    const visitor = await visitorInside();
    expect((await visitor.submit("/dashboard", "/dashboard/logout")).location).toBe(
      "/dashboard/login?reason=out",
    );
    expect(visitor.cookie).toBe("");
  });

  it("opens nothing with a copy of the cookie after the session was logged out of", async () => {
    const visitor = await visitorInside();
    const copy = visitor.cookie;
    expect((await visitor.get("/dashboard/events")).status).toBe(200);
    await visitor.submit("/dashboard", "/dashboard/logout");
    const thief = new Visitor();
    thief.cookie = copy;
    const shown = await thief.get("/dashboard/events");
    expect(shown.status).toBe(303);
    expect(shown.location).toContain("/dashboard/login");
    expect((await (await visitorInside()).get("/dashboard/events")).status).toBe(200);
  });

  it("counts its calls like any caller's: a page that reloads itself too often is told to wait", async () => {
    const visitor = await visitorInside();
    const shown = await Promise.all(Array.from({ length: 130 }, () => visitor.get("/dashboard/nothing")));
    expect(shown.at(0)?.status).toBe(404);
    expect(shown.at(-1)?.status).toBe(429);
    expect(shown.at(-1)?.text).toContain("Wait a little");
  });

  it("says what to set when no secret can seal a session", async () => {
    const shown = await new Visitor(undefined, { SLUICE_ADMIN_TOKEN: undefined }).logIn();
    expect(shown.status).toBe(503);
    expect(shown.text).toContain("wrangler secret put SLUICE_ADMIN_TOKEN");
  });

  it("leads a link from elsewhere, along which a strict cookie is not sent, one step on", async () => {
    const headers = { "sec-fetch-site": "cross-site" };
    const shown = await new Visitor().request("/dashboard/events", { headers });
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('content="0;url=/dashboard/events"');
  });

  it("forbids what is inline, from elsewhere, or around it, on every answer", async () => {
    const visitor = await visitorInside();
    for (const path of ["/dashboard", "/dashboard/login", "/dashboard/nothing"]) {
      const { headers } = await visitor.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("a form", () => {
  const pause = (
    visitor: Visitor,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
    partition = NOT_PAUSED,
  ) => visitor.send(`/dashboard/partitions/${partition}/pause`, { reason: "test", ...fields }, headers);
  const pauses = async (partition: string) =>
    (await operator.get(`/audit?target=${partition}&operation=pausePartition`)).body["entries"];

  it.each<[string, Readonly<Record<string, string>>]>([
    ["another site", { "sec-fetch-site": "cross-site" }],
    ["a neighbouring host", { "sec-fetch-site": "same-site" }],
    ["another origin, in an old browser", { origin: "https://evil.test" }],
    ["who knows where", {}],
  ])("from %s changes nothing, even with the key", async (_, headers) => {
    const visitor = await visitorInside();
    const formKey = formKeyOf((await visitor.get("/dashboard")).text);
    expect((await pause(visitor, { formKey }, headers)).status).toBe(403);
    expect((await visitor.send("/dashboard/login", { token: ADMIN_TOKEN }, headers)).status).toBe(403);
    expect(await pauses(NOT_PAUSED)).toEqual([]);
  });

  it("without its session's key changes nothing", async () => {
    const visitor = await visitorInside();
    const other = await visitorInside();
    const foreign = formKeyOf((await other.get("/dashboard")).text);
    for (const formKey of ["", "x", foreign]) expect((await pause(visitor, { formKey })).status).toBe(403);
    expect(await pauses(NOT_PAUSED)).toEqual([]);
  });

  it("is audited under the name of the token that logged in", async () => {
    const { token } = await tokenWith("read", "operate");
    const visitor = new Visitor();
    await visitor.logIn(token);
    const formKey = formKeyOf((await visitor.get("/dashboard")).text);
    const { location } = await pause(visitor, { formKey }, FROM_HERE, PAUSED);
    expect(location).toBe(`/dashboard/partitions/${PAUSED}?notice=paused`);
    expect(await pauses(PAUSED)).toMatchObject([{ actorName: "somebody", detail: "test", outcome: "ok" }]);
  });

  it("of a token that may only look is not shown, and refused when it is sent all the same", async () => {
    const { token } = await tokenWith("read");
    const visitor = new Visitor();
    await visitor.logIn(token);
    const shown = await visitor.get("/dashboard/guards");
    expect(shown.text).toContain("read only");
    expect(shown.text).not.toContain("/trip");
    const refused = await pause(visitor, { formKey: formKeyOf(shown.text) });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain("needs the scope");
  });

  it("that is too large is refused before it is read", async () => {
    const visitor = await visitorInside();
    const formKey = formKeyOf((await visitor.get("/dashboard")).text);
    const headers = { ...FROM_HERE, "content-length": String(100 * 1_024 * 1_024) };
    expect((await pause(visitor, { formKey }, headers)).status).toBe(403);
    expect(await pauses(NOT_PAUSED)).toEqual([]);
  });
});
