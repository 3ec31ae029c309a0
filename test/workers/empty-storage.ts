/** Test files share a runtime: each one starts with empty storage, whatever ran before it. */
import { reset } from "cloudflare:test";
import { beforeAll } from "vitest";

beforeAll(async () => {
  await reset();
});
