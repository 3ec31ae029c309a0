import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LEAD_EXAMPLES } from "../../dev/model-server/labelled/development-leads.ts";
import { MODERATION_EXAMPLES } from "../../dev/model-server/labelled/development-moderation.ts";
import {
  HELD_OUT_LEAD_EXAMPLES,
  HELD_OUT_MODERATION_EXAMPLES,
} from "../../dev/model-server/labelled/held-out.ts";
import { formatMeasurements, measureAll } from "../../dev/model-server/precision.ts";

describe("the stand-in's precision", () => {
  it("is what its README says it is", () => {
    const readme = readFileSync(new URL("../../dev/model-server/README.md", import.meta.url), "utf8");
    expect(readme).toContain(formatMeasurements(measureAll()));
  });

  it("is measured on texts of which none is in both sets", () => {
    const development = [
      ...MODERATION_EXAMPLES.map(({ text }) => text),
      ...LEAD_EXAMPLES.map(({ message }) => message),
    ];
    const heldOut = [
      ...HELD_OUT_MODERATION_EXAMPLES.map(({ text }) => text),
      ...HELD_OUT_LEAD_EXAMPLES.map(({ message }) => message),
    ];
    expect(heldOut.filter((text) => development.includes(text))).toEqual([]);
    expect(new Set([...development, ...heldOut]).size).toBe(development.length + heldOut.length);
  });
});
