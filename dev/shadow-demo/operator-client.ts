/** The few calls of the operator API that the shadow demo makes, read by schemas of its own: as somebody outside would. */
import * as z from "zod";
import { LOCAL_ADMIN_TOKEN } from "../lib/local-secrets.ts";

const totalsSchema = z.object({
  calls: z.int(),
  cached: z.int(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costMicros: z.nullable(z.number()),
  p50Ms: z.nullable(z.number()),
  p95Ms: z.nullable(z.number()),
});
export type Totals = z.infer<typeof totalsSchema>;

const replaySchema = z.object({
  id: z.string(),
  status: z.string(),
  progress: z.object({
    seen: z.int(),
    applied: z.int(),
    refused: z.int(),
    failed: z.int(),
    waiting: z.int(),
  }),
  report: z.object({
    compared: z.int(),
    notCompared: z.array(z.object({ why: z.string(), events: z.int() })),
    fields: z.array(
      z.object({
        path: z.string(),
        compared: z.int(),
        agreement: z.number(),
        meanDifference: z.nullable(z.number()),
        largestDifference: z.nullable(z.number()),
      }),
    ),
    changed: z.object({ events: z.int(), share: z.number() }),
    transitions: z.array(z.object({ change: z.string(), events: z.int() })),
    examples: z.array(
      z.object({
        id: z.string(),
        changes: z.array(z.object({ path: z.string(), before: z.json(), after: z.json() })),
      }),
    ),
    before: totalsSchema,
    after: totalsSchema,
  }),
});
export type ShadowReplay = z.infer<typeof replaySchema>;

export interface OperatorClient {
  /** Events of the pipeline that the ledger has as delivered. */
  countDone(pipeline: string): Promise<number>;
  startShadow(request: {
    readonly from: string;
    readonly to: string;
    readonly events: number;
    readonly decisionFields: readonly string[];
  }): Promise<string>;
  readReplay(id: string): Promise<ShadowReplay>;
  /** What the event came with, as text. */
  payloadOf(id: string): Promise<string>;
}

const RATE_PER_MINUTE = 600;

export function createOperatorClient(url: string): OperatorClient {
  const call = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/admin/v1${path}`, {
      headers: { authorization: `Bearer ${LOCAL_ADMIN_TOKEN}` },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    async countDone(pipeline) {
      const answer = await call(`/rollups?pipeline=${pipeline}&stepMinutes=60`);
      const { rollups } = z
        .object({ rollups: z.array(z.object({ state: z.string(), ended: z.int() })) })
        .parse(answer);
      return rollups.filter(({ state }) => state === "done").reduce((sum, { ended }) => sum + ended, 0);
    },
    async startShadow({ from, to, events, decisionFields }) {
      const answer = await call("/replays", {
        filter: { pipeline: from },
        shadow: { pipeline: to, decisionFields },
        maxEvents: events,
        ratePerMinute: RATE_PER_MINUTE,
      });
      return replaySchema.parse(answer).id;
    },
    readReplay: async (id) => replaySchema.parse(await call(`/replays/${id}`)),
    async payloadOf(id) {
      const answer = await call(`/events/${id}?payload=1`);
      return z.object({ payload: z.object({ text: z.string() }) }).parse(answer).payload.text;
    },
  };
}
