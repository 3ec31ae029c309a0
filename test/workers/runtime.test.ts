import { exports } from "cloudflare:workers";
import { expect, it } from "vitest";

it("the Worker starts in workerd", async () => {
  const response = await exports.default.fetch("https://sluice.test/");
  expect(response.status).toBe(404);
});
