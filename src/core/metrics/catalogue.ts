/**
 * Every metric Sluice counts: its name, its labels, its kind. Labels hold names from the config and short codes, never
 * ids, customers or text, so that a metric has as many series as the config has parts. Pure data.
 */

interface Metric {
  readonly help: string;
  readonly labels: readonly string[];
  readonly kind: "counter" | "histogram";
}

function counter<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { kind: "counter", help, labels } as const;
}

/** Seconds, in the buckets of `BUCKETS_SECONDS`. */
function seconds<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { kind: "histogram", help, labels } as const;
}

export const METRICS = {
  sluice_ingest_requests_total: counter("Requests to /in/:source by outcome", ["source", "outcome"]),
  sluice_ingest_refused_total: counter("Requests that were not accepted, by reason", [
    "source",
    "status",
    "reason",
  ]),
  sluice_ingest_events_total: counter("Events of accepted requests: queued, duplicate, filtered, …", [
    "source",
    "outcome",
  ]),
  sluice_idempotency_lookups_total: counter(
    "Events looked up in the edge's idempotency cache: hit, miss, passed_by (slow, down, resting, too many)",
    ["source", "outcome"],
  ),
  sluice_decisions_total: counter("Answers to senders that wait, duplicates included, by whose they are", [
    "source",
    "by",
  ]),
  sluice_ingest_duration_seconds: seconds("From the request to its answer", ["source"]),
  sluice_events_total: counter("Events that ended, by the state they ended in", [
    "source",
    "pipeline",
    "state",
  ]),
  sluice_event_failures_total: counter("Events that ended dead or expired, by what failed", [
    "pipeline",
    "stage",
    "class",
    "code",
  ]),
  sluice_event_duration_seconds: seconds("From acceptance, or a replay's start, to the event's end", [
    "pipeline",
  ]),
  sluice_events_late_total: counter("Events that arrived after a later one's effects", ["source"]),
  sluice_event_cost_usd_total: counter("What the models of ended events cost", ["pipeline", "model"]),
  sluice_stage_duration_seconds: seconds("One stage of one attempt", ["pipeline", "stage"]),
  sluice_stage_failures_total: counter("Attempts of a stage that failed", [
    "pipeline",
    "stage",
    "class",
    "code",
  ]),
  sluice_model_calls_total: counter("Calls that reached a model", ["model", "outcome"]),
  sluice_model_errors_total: counter("Model calls without a usable answer", ["model", "class", "code"]),
  sluice_model_duration_seconds: seconds("A whole model call", ["model"]),
  sluice_model_first_token_seconds: seconds("Until a model's first token", ["model"]),
  sluice_model_tokens_total: counter("Tokens in and out", ["model", "type"]),
  sluice_model_cost_usd_total: counter("What model calls cost, useless ones included", ["model"]),
  sluice_cache_lookups_total: counter("Look-ups in the result cache", ["result"]),
  sluice_undeliverable_total: counter("Messages no partition took, kept in R2", []),
  sluice_budget_denials_total: counter("Calls not made because a budget is spent", ["model", "scope"]),
  sluice_guard_denials_total: counter("Admissions a guard refused for now", ["guard", "reason"]),
  sluice_deliveries_total: counter("Delivery attempts", ["destination", "outcome"]),
  sluice_delivery_duration_seconds: seconds("One delivery attempt", ["destination"]),
  sluice_spans_dropped_total: counter("Spans that no collector took", ["reason"]),
  sluice_counts_shed_total: counter(
    "Batches of counts given up because the ledger could not join them in time, or read them",
    [],
  ),
  sluice_counts_dropped_total: counter("Counts given up because there were too many series", []),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

type NameOfKind<Kind extends Metric["kind"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["kind"] extends Kind ? Name : never;
}[MetricName];

export type CounterName = NameOfKind<"counter">;
export type HistogramName = NameOfKind<"histogram">;

export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof METRICS)[Name]["labels"][number], string>
>;

/** Upper bounds. Doubling, as OpenTelemetry's GenAI metrics do, out to what a slow model and a busy lane take. */
export const BUCKETS_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 300, 3_600,
] as const;

/** Values at one moment, taken every minute. */
export const GAUGES = {
  sluice_lane_backlog_messages: "Messages in a lane",
  sluice_lane_oldest_seconds: "Age of a lane's oldest message",
  sluice_partitions_open: "Partitions with open work that no driver holds",
  sluice_partition_open_events: "Open events of those partitions",
  sluice_partitions_paused: "Partitions that are paused",
  sluice_depth_events: "Lanes' backlog and partitions' open work together",
  sluice_oldest_open_seconds: "Age of the oldest event that has not ended",
  sluice_breaker_state: "0 closed, 1 half-open or ramping, 2 open",
  sluice_guard_rate_factor: "Part of the configured rate in force",
  sluice_dead_letters: "Dead letters nobody has dealt with",
  sluice_reviews: "Events that wait for a person",
  sluice_review_oldest_seconds: "Age of the oldest review",
  sluice_ledger_bytes: "Size of a ledger's D1 database; D1 takes 10 GB",
  sluice_sampled_timestamp_seconds: "When these gauges were taken",
} as const;

export type GaugeName = keyof typeof GAUGES;
