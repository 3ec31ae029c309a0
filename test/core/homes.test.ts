import { describe, expect, it } from "vitest";
import { hintWithin, LOCATION_HINTS, nearestHint } from "../../src/core/homes.ts";

describe("a partition's home", () => {
  it.each([
    ["EU", 8.7, "weur"],
    ["EU", 21, "eeur"],
    ["NA", -122, "wnam"],
    ["NA", -74, "enam"],
    ["NA", null, "enam"],
    ["SA", -46, "sam"],
    ["AS", 55, "me"],
    ["AS", 103, "apac"],
    ["OC", 151, "oc"],
    ["AF", 18, "afr"],
    ["AN", 0, null],
    ["unknown", null, null],
  ])("of a sender in %s at %s is %s", (continent, longitude, hint) => {
    expect(nearestHint({ continent, longitude })).toBe(hint);
  });

  it("stays inside its jurisdiction, whatever is wished", () => {
    const kept = (jurisdiction: "eu" | "us" | "fedramp" | "none") =>
      LOCATION_HINTS.filter((hint) => hintWithin(jurisdiction, hint) !== null);
    expect(kept("eu")).toEqual(["weur", "eeur"]);
    expect(kept("us")).toEqual(["wnam", "enam"]);
    expect(kept("fedramp")).toEqual(["wnam", "enam"]);
    expect(kept("none")).toEqual([...LOCATION_HINTS]);
    expect(hintWithin("eu", null)).toBeNull();
  });
});
