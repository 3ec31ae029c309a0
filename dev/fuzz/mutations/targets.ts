/** Where a request goes and how often: methods, paths, queries, other senders' doors, ids that are not signed. */
import { SIGNERS } from "../../senders/signers.ts";
import { META_VERIFY_TOKEN } from "../keyring.ts";
import { one, type Mutation } from "../mutation.ts";
import { withHeader } from "../request.ts";
import type { Workshop } from "../workshop.ts";

export const TARGETS: readonly Mutation[] = [
  {
    kind: "method: another",
    make: async (workshop) => {
      const method = workshop.random.pick(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]);
      const request = { ...(await workshop.signed()), method };
      const isBodyless = method === "GET" || method === "HEAD";
      return one("refuse", isBodyless ? { ...request, body: new Uint8Array(0) } : request);
    },
  },
  {
    kind: "path: a trick",
    make: async (workshop) => {
      const request = await workshop.signed();
      return one("either", { ...request, path: trick(workshop) });
    },
  },
  {
    kind: "path: another sender's",
    make: async (workshop) => {
      const others = [...SIGNERS.keys()].filter((name) => name !== workshop.sender.name);
      const other = others[workshop.random.integer(0, others.length - 1)] ?? "";
      return one("either", { ...(await workshop.signed()), path: `/in/${other}` });
    },
  },
  {
    kind: "query: added",
    make: async (workshop) => {
      const request = await workshop.signed();
      const query = workshop.random.pick(QUERIES);
      return one("either", { ...request, path: `${request.path}?${query}` });
    },
  },
  {
    kind: "query: signed with it",
    make: async (workshop) => {
      const query = workshop.random.pick(["?a=1", "?a=%27b&a=2", "?%C3%BC=1", "?x=%2F%3A%40", "?"]);
      const expected = query === "?" ? "either" : "accept";
      return one(expected, await workshop.signed({ query }));
    },
  },
  {
    kind: "dialogue: GET",
    make: async (workshop) => {
      const { random, sender } = workshop;
      const path = `/in/${sender.name}?${random.pick(DIALOGUES)}`;
      return one("either", { method: "GET", path, headers: [], body: new Uint8Array(0) });
    },
  },
  {
    kind: "dialogue: POST, unsigned",
    make: async (workshop) => {
      const body = new TextEncoder().encode(workshop.random.pick(UNSIGNED_DIALOGUES));
      const request = { ...(await workshop.signed()), body: Uint8Array.from(body) };
      const { signature } = workshop.sender;
      return one("either", typeof signature === "string" ? withHeader(request, signature, null) : request);
    },
  },
  {
    kind: "captured: under another unsigned id",
    make: async (workshop) => {
      const request = await workshop.signed();
      const isGuarded = workshop.sender.name === "github" || workshop.sender.name === "bitbucket";
      const names = workshop.sender.unsignedHeaders ?? [];
      const ids = names.filter((name) => /delivery|uuid/.test(name));
      const again = ids.reduce((one, name) => withHeader(one, name, `${workshop.id}-again`), request);
      return { requests: [request, again], expected: "accept", isOneEvent: isGuarded };
    },
  },
];

function trick({ sender: { name }, random }: Workshop): string {
  const encoded = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
  return random.pick([
    `/in/${encoded}`,
    `/in/${name}/`,
    `/in/${name}//`,
    `/in//${name}`,
    `//in/${name}`,
    `/in/${name}%00`,
    `/in/${name}%2f..%2fstripe`,
    `/in/./${name}`,
    `/in/x/../${name}`,
    `/in/${name.toUpperCase()}`,
    `/in/${name};a=1`,
    `/in/${name}%`,
    `/in/__proto__`,
    `/in/constructor`,
    `/in/hasOwnProperty`,
    `/in/`,
    `/in/%FF%FE`,
    `/in/${"a".repeat(3_000)}`,
    `/IN/${name}`,
    `/in/${name}/extra`,
    `/v1/../in/${name}`,
  ]);
}

const QUERIES = [
  "a=1",
  "bodySHA256=00",
  "validationToken=hello",
  "validationToken=",
  "hub.mode=subscribe&hub.verify_token=x&hub.challenge=c",
  "crc_token=x",
  "challenge=x",
  "%",
  "a=%FF",
  "a".repeat(4_000),
  "__proto__=1&constructor=2",
] as const;

const DIALOGUES = [
  `hub.mode=subscribe&hub.verify_token=${encodeURIComponent(META_VERIFY_TOKEN)}&hub.challenge=123`,
  "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=123",
  "hub.mode=subscribe&hub.verify_token=&hub.challenge=123",
  "crc_token=abc",
  "crc_token=%7B%22tweet_create_events%22%3A%5B%5D%7D",
  "crc_token=123",
  "challenge=abc",
  "challenge=%3Cscript%3E",
  `challenge=${"a".repeat(5_000)}`,
  "",
] as const;

const UNSIGNED_DIALOGUES = [
  '{"type":"url_verification","challenge":"c"}',
  '{"type":1}',
  '{"type":0}',
  '{"event":"endpoint.url_validation","payload":{"plainToken":"p"}}',
  '{"challenge":"c","subscription":{"type":"x"}}',
  '{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?x"}',
] as const;
