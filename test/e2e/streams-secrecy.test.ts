/** What streams must never tell: tokens stand in URLs, and URLs like to end up in logs. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { BEARER, logText, startGateway, type LocalGateway } from "../support/e2e-gateway.ts";

let gateway: LocalGateway;

beforeAll(async () => {
  gateway = await startGateway({ logLevel: "debug" });
});

afterAll(async () => {
  await gateway.close();
});

it("a stream's tokens and its text are in no log, whether they open anything or not", async () => {
  const started = await fetch(`${gateway.url}/v1/streams`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json" },
    body: JSON.stringify({ model: "fast", input: "The parcel from Harbourline Logistics arrived." }),
  });
  expect(started.status).toBe(201);
  const { id, url, token, stopToken } = (await started.json()) as Readonly<Record<string, string>>; // the gateway's own form
  for (const query of [`token=${token}`, `token=${token}&after=x`, `token=${token}x`]) {
    await (await fetch(`${url}?${query}`)).text();
  }
  await (await fetch(`${url}?token=${stopToken}`, { method: "DELETE" })).text();
  const log = logText(gateway);
  expect(log).toContain(id);
  expect(log).toContain("stream_done");
  for (const secret of [token, stopToken, "Harbourline"]) expect(log).not.toContain(secret);
});
