/**
 * GitHub deliveries, from the community's collection of real payloads (`@octokit/webhooks-examples`). Ids,
 * repository and texts are varied: GitHub never sends the same bytes for two events.
 */
import { createRequire } from "node:module";
import * as z from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import type { SeededRandom } from "../lib/random.ts";
import type { SampleCustomer } from "./customers.ts";
import { ISSUE_TEXTS, REPLY_TEXTS } from "./github-texts.ts";
import type { Sample } from "./sample.ts";

/** `event.action`, or the event alone where it has none. */
export const GITHUB_TYPES = [
  "issues.opened",
  "issue_comment.created",
  "pull_request.opened",
  "push",
] as const;

export interface GithubSampleOptions {
  /** Any event and action the collection has, such as `release.published`. */
  readonly type: string;
  readonly customer: SampleCustomer;
  readonly createdSeconds: number;
}

const collectionSchema = z.array(z.object({ name: z.string(), examples: z.array(z.unknown()) }));

let collection: z.output<typeof collectionSchema> | undefined;

/** The collection's payloads of an event (and action), as they are. */
export function githubExamples(type: string): readonly JsonObject[] {
  // Four megabytes: read when the first one is asked for.
  collection ??= collectionSchema.parse(createRequire(import.meta.url)("@octokit/webhooks-examples"));
  const [event = "", action] = type.split(".");
  const examples = collection.find((entry) => entry.name === event)?.examples ?? [];
  return examples
    .filter((example): example is JsonObject => isJsonObject(example))
    .filter((example) => action === undefined || example["action"] === action);
}

/** @throws when the collection has no such event: a mistake in the caller's list of types */
export function buildGithubSample(random: SeededRandom, options: GithubSampleOptions): Sample {
  const { type, customer, createdSeconds } = options;
  const [first, ...others] = githubExamples(type);
  if (first === undefined) throw new Error(`no example of ${type}`);
  const example = random.pick([first, ...others]);
  const repository = `${customer.organisation}/${random.pick(["web", "api", "mobile"])}`;
  return {
    sender: "github",
    type,
    id: uuid(random),
    customer: repository,
    createdSeconds,
    payload: vary(example, random, repository, createdSeconds),
  };
}

function vary(
  example: JsonObject,
  random: SeededRandom,
  repository: string,
  createdSeconds: number,
): JsonObject {
  const [owner = "", name = ""] = repository.split("/");
  const atText = new Date(createdSeconds * 1_000).toISOString().replace(".000Z", "Z");
  const issue = random.pick(ISSUE_TEXTS);
  const changes: Record<string, JsonObject> = {
    repository: { full_name: repository, name },
    organization: { login: owner },
    issue: {
      ...issue,
      id: random.integer(1e8, 2e9),
      number: random.integer(2, 4_000),
      created_at: atText,
      updated_at: atText,
    },
    pull_request: {
      ...issue,
      id: random.integer(1e8, 2e9),
      number: random.integer(2, 4_000),
      created_at: atText,
      updated_at: atText,
    },
    comment: {
      id: random.integer(1e8, 2e9),
      body: random.pick(REPLY_TEXTS),
      created_at: atText,
      updated_at: atText,
    },
    head_commit: { id: random.hex(40), timestamp: atText },
  };
  const varied: Record<string, JsonValue> = { ...example };
  for (const [key, change] of Object.entries(changes)) {
    const part = example[key];
    if (isJsonObject(part)) varied[key] = { ...part, ...change };
  }
  if (typeof example["after"] === "string") varied["after"] = random.hex(40);
  return varied;
}

function uuid(random: SeededRandom): string {
  return [random.hex(8), random.hex(4), `4${random.hex(3)}`, `a${random.hex(3)}`, random.hex(12)].join("-");
}
