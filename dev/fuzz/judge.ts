/**
 * What an answer may be, whatever was sent: no 5xx but the documented ones, no forgery taken, every genuine request
 * taken, and refusals that are RFC 9457 documents, a 401 always the same one.
 */
import { isGenuine } from "./oracle.ts";
import type { FuzzCase } from "./fuzz-case.ts";
import { META_VERIFY_TOKEN, type Keyring } from "./keyring.ts";
import { headerOf, type FuzzRequest } from "./request.ts";

export interface FuzzAnswer {
  readonly status: number;
  headers(name: string): string | null;
  readonly text: string;
}

export interface Judged {
  readonly problems: readonly string[];
  /** Taken as an event. */
  readonly accepted: number;
}

interface Circumstances {
  readonly keyring: Keyring;
  readonly origin: string;
  readonly nowMs: number;
}

const UNAUTHORIZED = {
  type: "urn:sluice:problem:unauthorized",
  title: "The request could not be verified",
  status: 401,
};

const REFUSALS = new Set([400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503]);
/** Amazon's certificate, or its confirmation, could not be fetched: docs/senders.md. */
const FETCHING_SENDER = "aws-sns";
const FETCH_FAILURES = new Set([
  "urn:sluice:problem:source-not-configured",
  "urn:sluice:problem:handshake-failed",
]);

/** @param answers one per request; null where the request ended before its answer */
export async function judge(
  one: FuzzCase,
  answers: readonly (FuzzAnswer | null)[],
  circumstances: Circumstances,
): Promise<Judged> {
  const problems: string[] = [];
  const ids = new Set<unknown>();
  let accepted = 0;
  for (const [at, answer] of answers.entries()) {
    const request = one.requests[at];
    if (request === undefined) throw new Error("an answer has its request");
    if (answer === null) {
      if (request.isCutShort !== true) problems.push("no answer");
      continue;
    }
    const isOk = answer.status >= 200 && answer.status < 300;
    const json = jsonOf(answer.text);
    const isEvent = isOk && textIn(json, "traceId") !== "";
    if (isEvent) {
      accepted += 1;
      ids.add(Reflect.get(Object(json), "id"));
    }
    if (isOk) problems.push(...(await judgeAcceptance(one, request, isEvent, circumstances)));
    else problems.push(...judgeRefusal(request, answer, json));
    if (one.expected === "accept" && !isEvent)
      problems.push(`a genuine request was answered ${answer.status}`);
    if (one.expected === "refuse" && isOk)
      problems.push(`was to be refused, and was answered ${answer.status}`);
    const secret = circumstances.keyring.signing(one.sender);
    if (answer.text.includes(secret)) problems.push("the answer holds the secret");
  }
  if (one.isOneEvent && accepted === answers.length && ids.size !== 1) {
    problems.push(`one event became ${ids.size}`);
  }
  return { problems, accepted };
}

async function judgeAcceptance(
  one: FuzzCase,
  request: FuzzRequest,
  isEvent: boolean,
  circumstances: Circumstances,
): Promise<readonly string[]> {
  const sender = receiverOf(request);
  if (sender === null) return ["a path that names no sender was answered 2xx"];
  if (!isEvent && isUnsignedDialogue(sender, request)) return [];
  const genuine = await isGenuine({ sender, request, ...circumstances });
  return genuine
    ? []
    : [`a forgery was taken (${isEvent ? "as an event" : "for a dialogue"}; ${one.expected})`];
}

/** Whose door a path leads to, as the URL standard reads it. */
function receiverOf({ path }: FuzzRequest): string | null {
  const { pathname } = new URL(`http://host${path.startsWith("//") ? `/.${path}` : path}`);
  return /^\/in\/([^/]+)\/?$/.exec(pathname)?.[1] ?? null;
}

/** The documented dialogues that carry no signature. */
function isUnsignedDialogue(sender: string, request: FuzzRequest): boolean {
  const query = new URL(`http://host${request.path}`).searchParams;
  const isGet = request.method === "GET";
  switch (sender) {
    case "meta":
      return isGet && query.get("hub.verify_token") === META_VERIFY_TOKEN;
    case "x":
      return isGet && /^[^{["]+$/.test(query.get("crc_token") ?? "");
    case "dropbox":
      return isGet && query.has("challenge");
    case "microsoft-graph":
      return query.has("validationToken");
    case "asana":
      return headerOf(request, "x-hook-secret") !== null && headerOf(request, "x-hook-signature") === null;
    default:
      return false;
  }
}

function judgeRefusal(request: FuzzRequest, answer: FuzzAnswer, json: unknown): readonly string[] {
  const problems: string[] = [];
  if (!REFUSALS.has(answer.status)) problems.push(`answered ${answer.status}`);
  if (request.method === "HEAD") return problems;
  if (answer.headers("content-type") !== "application/problem+json" || textIn(json, "title") === "") {
    problems.push(`${answer.status} without a problem document: ${answer.text.slice(0, 200)}`);
    return problems;
  }
  const type = textIn(json, "type");
  if (Reflect.get(Object(json), "status") !== answer.status)
    problems.push("the document names another status");
  if (!type.startsWith("urn:sluice:problem:")) problems.push(`the document's type is ${type}`);
  if (answer.status === 401 && answer.text !== JSON.stringify(UNAUTHORIZED)) {
    problems.push(`a 401 says more than it may: ${answer.text.slice(0, 200)}`);
  }
  if (answer.status === 405 && !(answer.headers("allow") ?? "").includes("POST")) {
    problems.push("a 405 names no method");
  }
  if (answer.status === 503) {
    const isDocumented = FETCH_FAILURES.has(type) && receiverOf(request) === FETCHING_SENDER;
    if (!isDocumented) problems.push(`an undocumented 503: ${type}`);
    if (answer.headers("retry-after") === null) problems.push("a 503 without Retry-After");
  }
  return problems;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function textIn(json: unknown, name: string): string {
  const value: unknown = Reflect.get(Object(json), name);
  return typeof value === "string" ? value : "";
}
