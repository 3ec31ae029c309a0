/** The operators' part of the composition root: what their API stands on, and the replays that the cron drives. */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import { jurisdictionOf, partitionOf, type EventId } from "../core/ids.ts";
import type { GatewayEnv } from "../env.ts";
import type { LaneSet } from "../lanes/wire/lane-set.ts";
import type { LedgerBindings } from "../ledger/bindings.ts";
import { createEventLedger } from "../ledger/events.ts";
import { createOpenPartitions } from "../ledger/open-partitions.ts";
import { uniteLedgers, uniteOpenPartitions } from "../ledger/union.ts";
import { createAuditLog } from "../operator/audit-log.ts";
import { partitionsOf } from "../operator/customer-partitions.ts";
import { createGuardBoard } from "../operator/guard-board.ts";
import type { OperatorDependencies } from "../operator/port.ts";
import { resend, type ResendDependencies } from "../operator/resend.ts";
import { createTokenStore } from "../operator/token-store.ts";
import { createUndeliverableShelf, eraseBodies } from "../operator/undeliverable-shelf.ts";
import type { PartitionOperations } from "../partition/client.ts";
import { createBodyLoader } from "../pipeline/load-body.ts";
import { payloadsByKey, type PerJurisdiction } from "../platform/jurisdictions.ts";
import type { EventProcessor } from "../pipeline/processor.ts";
import { actOn } from "../replay/act.ts";
import { createReplayJobs } from "../replay/job-store.ts";
import type { ReplayDriver, ReplayJobs } from "../replay/port.ts";
import { stepReplays as step } from "../replay/step.ts";
import type { Logger } from "../telemetry/log.ts";
import { jurisdictionOfReport } from "../telemetry/message.ts";

export interface OperatorServices extends OperatorDependencies {
  readonly replays: ReplayJobs & ReplayDriver;
}

export interface OperatorParts {
  readonly config: GatewayConfig;
  readonly env: GatewayEnv;
  readonly ledgers: PerJurisdiction<LedgerBindings>;
  readonly buckets: PerJurisdiction<R2Bucket>;
  readonly partitions: PartitionOperations;
  readonly eraseKnownEnds: OperatorDependencies["eraseKnownEnds"];
  readonly append: ResendDependencies["append"];
  readonly lanes: LaneSet;
  readonly text: (name: string) => string | undefined;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export function createOperatorServices(parts: OperatorParts): OperatorServices {
  const { config, env, ledgers, buckets, partitions, eraseKnownEnds, append, lanes, text, nowMs, log } =
    parts;
  const sending: ResendDependencies = {
    append,
    ring: (partition, priority) => lanes.ring(partition, priority),
    report: async (message) => {
      const { telemetry } = ledgers.of(jurisdictionOfReport(message) ?? "none");
      await telemetry.send(message, { contentType: "json" });
    },
  };
  return {
    ledger: uniteLedgers(ledgers.map(({ database }) => createEventLedger({ database }))),
    openPartitions: uniteOpenPartitions(ledgers.map(({ database }) => createOpenPartitions(database))),
    partitions,
    partitionsOf: (customer) => partitionsOf(config.sources, customer),
    loadBody: createBodyLoader(payloadsByKey((name) => Reflect.get(env, name))),
    eraseBodies: (partition) => eraseBodies(buckets, partition),
    eraseKnownEnds,
    undeliverable: createUndeliverableShelf(buckets),
    resend: (body) => resend(sending, body),
    guards: createGuardBoard(env.GUARD, config),
    catalog: {
      sources: [...config.sources.keys()],
      pipelines: [...config.pipelines.keys()],
      models: [...config.models.keys()],
      destinations: [...config.destinations.keys()],
    },
    replays: createReplayJobs(env.LEDGER),
    tokens: createTokenStore(env.LEDGER),
    audit: createAuditLog(env.LEDGER),
    bootstrapTokens: () => config.adminTokens.flatMap((name) => text(name) ?? []),
    nowMs,
    newId: () => crypto.randomUUID(),
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    log,
  };
}

/** One minute's worth of the replays. @param processor of this invocation: it stands behind the guards of its models */
export async function stepReplays(
  services: OperatorServices,
  processor: Pick<EventProcessor, "prepare">,
  ledgers: PerJurisdiction<LedgerBindings>,
): Promise<void> {
  const { reportFields, reportTransitions, reportExamples, shadowTimeoutMs } = LIMITS.operator;
  const acting = {
    partitions: services.partitions,
    prepare: processor.prepare.bind(processor),
    // Jobs lie in the common ledger.
    hidesValues: (id: EventId) => ledgers.hasOwn(jurisdictionOf(partitionOf(id))),
    limits: {
      maxFields: reportFields,
      maxTransitions: reportTransitions,
      maxExamples: reportExamples,
      shadowTimeoutMs,
    },
  };
  await step({
    jobs: services.replays,
    ledger: services.ledger,
    act: (job, target) => actOn(acting, job, target),
    nowMs: services.nowMs,
    newId: services.newId,
    log: services.log,
    limits: { ...LIMITS.replay, report: acting.limits },
  });
}
