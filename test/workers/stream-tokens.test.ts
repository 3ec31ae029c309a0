import { describe, expect, it } from "vitest";
import { newStreamId } from "../../src/streaming/stub.ts";
import { createStreamTokens } from "../../src/streaming/tokens.ts";

const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const tokens = (...secrets: string[]) => createStreamTokens({ values: () => secrets });

describe("a stream's token", () => {
  it.each(["read", "stop"] as const)("opens its stream for what it says: %s", async (right) => {
    const id = newStreamId();
    const token = await tokens("secret").mint(id, right, NOW_MS + 1_000);
    expect(await tokens("secret").verify(token, id, NOW_MS)).toBe(right);
  });

  it("opens no other stream, and none after its time", async () => {
    const id = newStreamId();
    const token = await tokens("secret").mint(id, "stop", NOW_MS + 1_000);
    expect(await tokens("secret").verify(token, newStreamId(), NOW_MS)).toBeNull();
    expect(await tokens("secret").verify(token, id, NOW_MS + 1_000)).toBeNull();
  });

  it("cannot be turned into another: every changed character closes it", async () => {
    const id = newStreamId();
    const token = await tokens("secret").mint(id, "read", NOW_MS + 1_000);
    // The last character carries bits that are no part of the signature.
    for (let index = 0; index < token.length - 1; index++) {
      const other = token.charAt(index) === "s" ? "r" : "s";
      const forged = token.slice(0, index) + other + token.slice(index + 1);
      expect(await tokens("secret").verify(forged, id, NOW_MS)).toBeNull();
    }
    for (const text of ["", "sst_", `${token}x`, token.slice(0, -1), `sst_szzzzzz_${"A".repeat(43)}`]) {
      expect(await tokens("secret").verify(text, id, NOW_MS)).toBeNull();
    }
  });

  it("signed with a secret that is being replaced is still good, with one that is gone no longer", async () => {
    const id = newStreamId();
    const token = await tokens("old").mint(id, "read", NOW_MS + 1_000);
    expect(await tokens("new", "old").verify(token, id, NOW_MS)).toBe("read");
    expect(await tokens("new").verify(token, id, NOW_MS)).toBeNull();
    expect(await tokens().verify(token, id, NOW_MS)).toBeNull();
  });
});
