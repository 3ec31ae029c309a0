/** Triage of a repository's issues, comments and pull requests: a label and a summary for the team's tracker. */
import * as z from "zod";
import { definePipeline } from "sluice";

const repository = z.object({ full_name: z.string() });
const text = z.nullish(z.string());

export const issueEvent = z.object({
  action: z.string(),
  repository,
  issue: z.object({ number: z.int(), title: z.string(), body: text }),
  comment: z.optional(z.object({ body: text })),
});

export const pullRequestEvent = z.object({
  action: z.string(),
  repository,
  pull_request: z.object({ number: z.int(), title: z.string(), body: text }),
});

const repositoryEvent = z.union([issueEvent, pullRequestEvent]);

export const triage = definePipeline({
  name: "triage",
  input: repositoryEvent,
  enrich: (event) => Promise.resolve(subjectOf(event)),
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({
      label: z.enum(["bug", "feature", "question", "documentation", "other"]),
      summary: z.string().max(1_000),
    }),
    prompt: ({ title, body }) => ({
      instruction: "Give the report one label and sum it up in one sentence.",
      data: { report: `${title}\n\n${body}` },
    }),
    cacheTtlSeconds: 86_400,
    // Whoever has the report open sees it being triaged: GET /v1/events/:id/stream.
    stream: true,
    onDegraded: "retry",
  },
  format: ({ input, output }, { headers }) => ({
    type: "tracker.triaged",
    body: {
      reference: headers["x-github-delivery"] ?? null,
      repository: input.repository,
      number: input.number,
      title: input.title,
      ...output,
    },
  }),
  deliver: ["tracker"],
});

function subjectOf(event: z.output<typeof repositoryEvent>) {
  const about = "issue" in event ? event.issue : event.pull_request;
  const comment = "comment" in event ? (event.comment?.body ?? "") : "";
  return {
    repository: event.repository.full_name,
    number: about.number,
    title: about.title,
    body: comment === "" ? (about.body ?? "") : comment,
  };
}
