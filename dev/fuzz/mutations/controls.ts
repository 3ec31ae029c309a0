/** Genuine requests: a fuzz without them would pass by refusing everybody. */
import { isJsonObject, type JsonValue } from "../../../src/core/json.ts";
import { one, type Mutation } from "../mutation.ts";
import { withHeader } from "../request.ts";
import type { Workshop } from "../workshop.ts";

export const CONTROLS: readonly Mutation[] = [
  { kind: "genuine", make: async (workshop) => one("accept", await workshop.signed()) },
  {
    kind: "genuine, with members of every kind",
    make: async (workshop) => one("accept", await withMembers(workshop, ODD_MEMBERS)),
  },
  {
    kind: "genuine, spread over lines",
    make: async (workshop) => {
      if (!isJson(workshop)) return one("accept", await workshop.signed());
      return one(
        "accept",
        await workshop.signed({ body: JSON.stringify(workshop.sample(), null, "\t\r\n ") }),
      );
    },
  },
  {
    kind: "genuine and large",
    make: async (workshop) => {
      const filler = workshop.random.token(10).repeat(workshop.random.integer(100, 12_000));
      return one("accept", await withMembers(workshop, { filler }));
    },
  },
  {
    kind: "genuine, at the edge of its time",
    make: async (workshop) => {
      const sign = workshop.random.pick([-1, 1]);
      return one("accept", await workshop.signed({ atMs: workshop.nowMs + sign * 40_000 }));
    },
  },
  {
    kind: "genuine, under another media type of JSON",
    make: async (workshop) => {
      const request = await workshop.signed();
      if (!isJson(workshop)) return one("accept", request);
      const type = workshop.random.pick([
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
        "application/cloudevents+json",
        "application/json; profile=x",
      ]);
      return one("accept", withHeader(request, "content-type", type));
    },
  },
  {
    kind: "genuine, sent again",
    make: async (workshop) => {
      const request = await workshop.signed();
      // Two senders name no event: each of their requests is one.
      const isOneEvent = workshop.sender.name !== "dropbox";
      return { requests: [request, request], expected: "accept", isOneEvent };
    },
  },
];

/** Names and values that parsers, objects and databases have tripped over. */
const ODD_MEMBERS = {
  constructor: { prototype: { isAdmin: true } },
  toString: "text",
  hasOwnProperty: 1,
  "": "nameless",
  "a.b": 1,
  "nul\u0000in the name": "nul\u0000in the value",
  bidi: "\u202Eevil\u2066",
  zero: -0,
  huge: 1.7976931348623157e308,
  separator: "\u2028\u2029",
  astral: "😀\u{10FFFF}",
  markup: "<script>alert(1)</script>",
  query: "'; DROP TABLE events; --",
};

async function withMembers(workshop: Workshop, members: Readonly<Record<string, JsonValue>>) {
  const sample = workshop.sample();
  if (!isJsonObject(sample) || !isJson(workshop)) return workshop.signed();
  // The literal key: in an object literal `__proto__` would set the prototype.
  const text = JSON.stringify({ ...members, ...sample }).replace("{", '{"__proto__":{"isAdmin":true},');
  return workshop.signed({ body: text });
}

function isJson({ sender }: Workshop): boolean {
  return sender.contentType === undefined;
}
