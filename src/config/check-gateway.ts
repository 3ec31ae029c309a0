/** Checks a config's names against each other. Secrets and bindings are checked when the env is known (`services.ts`). */
import { UNROUTED_PIPELINE } from "../core/envelope.ts";
import { IDEMPOTENCY_MODES } from "../core/idempotency.ts";
import type { EventPolicy } from "../core/policy.ts";
import { collectBudgets } from "./check-budgets.ts";
import { checkDestination, checkModel } from "./check-endpoints.ts";
import { checkLimits, laneLimitsOf, streamLimitsOf } from "./check-limits.ts";
import { checkBindings, checkOrigins, checkPublicOrigin } from "./check-names.ts";
import { checkAlerts, checkTraces } from "./check-operations.ts";
import { ConfigError } from "./config-error.ts";
import { didYouMean } from "./did-you-mean.ts";
import { LIMITS } from "./limits.ts";
import type { GatewayConfig, GatewayOptions } from "./gateway-options.ts";
import type { Pipeline } from "./define-pipeline.ts";
import type { RouteOptions } from "./define-source.ts";

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

export function checkGateway(options: GatewayOptions): GatewayConfig {
  checkIsReachable(options);
  const pipelines = collectPipelines(options);
  for (const group of ["sources", "models", "destinations"] as const) {
    for (const name of Object.keys(options[group])) checkName(`${group}.${name}`, name);
  }
  for (const group of ["models", "destinations"] as const) {
    for (const [name, { limits }] of Object.entries(options[group])) {
      checkLimits(`${group}.${name}.limits`, limits);
    }
  }
  for (const [name, model] of Object.entries(options.models)) checkModel(name, model);
  for (const [name, destination] of Object.entries(options.destinations)) checkDestination(name, destination);
  for (const pipeline of pipelines.values()) {
    checkPipeline(pipeline, options);
    for (const name of pipeline.emits ?? []) {
      if (pipelines.has(name)) continue;
      const problem = `no pipeline is called "${name}"${didYouMean(name, [...pipelines.keys()])}`;
      const mend = "Route a source to it, or list it in `pipelines`";
      throw new ConfigError(`pipelines.${pipeline.name}.emits`, problem, mend);
    }
  }
  for (const [name, source] of Object.entries(options.sources)) {
    checkBindings(`sources.${name}.verify.secrets`, source.verify.secrets);
    for (const [secret, endsAtMs] of Object.entries(source.verify.secretEndsAtMs ?? {})) {
      if (Number.isFinite(endsAtMs)) continue;
      const mend = 'Use a time as in "2027-01-31T00:00:00Z", or milliseconds since the epoch';
      throw new ConfigError(`sources.${name}.verify.secrets`, `the end of "${secret}" is no time`, mend);
    }
    const { handshakeTokens, keyClientId } = source.verify;
    if (keyClientId !== undefined) checkBindings(`sources.${name}.verify.clientId`, [keyClientId]);
    if (handshakeTokens !== undefined) {
      checkBindings(`sources.${name}.verify.handshakeTokens`, handshakeTokens);
    }
    if (!IDEMPOTENCY_MODES.includes(source.idempotency)) {
      const problem = `there is no mode "${source.idempotency}"`;
      throw new ConfigError(`sources.${name}.idempotency`, problem, 'Use "results", "duplicates" or "off"');
    }
    checkPolicy(`sources.${name}.policy`, source.policy);
    checkEpochs(`sources.${name}.previousEpoch`, source);
    checkRoutes(name, source);
  }
  const apiTokens = options.api?.tokens ?? ["SLUICE_API_TOKEN"];
  checkBindings("api.tokens", apiTokens);
  const adminTokens = options.api?.adminTokens ?? ["SLUICE_ADMIN_TOKEN"];
  checkBindings("api.adminTokens", adminTokens);
  const retainDays = options.ledger?.retainDays ?? LIMITS.ledger.defaultRetainDays;
  if (!Number.isInteger(retainDays) || retainDays < 1) {
    throw new ConfigError("ledger.retainDays", `${retainDays} is no number of days`, "Use 1 or more");
  }
  const corsOrigins = options.api?.corsOrigins ?? [];
  checkOrigins("api.corsOrigins", corsOrigins);
  const publicOrigin = options.api?.publicOrigin ?? null;
  if (publicOrigin !== null) checkPublicOrigin("api.publicOrigin", publicOrigin);
  return {
    sources: new Map(Object.entries(options.sources)),
    pipelines,
    models: new Map(Object.entries(options.models)),
    destinations: new Map(Object.entries(options.destinations)),
    lanes: laneLimitsOf(options.lanes ?? {}),
    budgets: collectBudgets(options, pipelines),
    apiTokens,
    adminTokens,
    ledger: { successes: options.ledger?.successes ?? "rows", retainDays },
    corsOrigins,
    publicOrigin,
    traces: checkTraces(options.traces),
    alerts: checkAlerts(options.alerts),
    streamLimits: streamLimitsOf(options),
  };
}

/** A gateway for chat alone has models and no sources. One with neither could do nothing, and would say that it is ready. */
function checkIsReachable({ sources, models }: GatewayOptions): void {
  if (Object.keys(sources).length + Object.keys(models).length > 0) return;
  const mend = "Add a source for webhooks, or a model for streams and chat completions";
  throw new ConfigError("sources", "there is none, and no model either", mend);
}

function collectPipelines(options: GatewayOptions): Map<string, Pipeline<never>> {
  const byName = new Map<string, Pipeline<never>>();
  const routed = Object.values(options.sources).flatMap((source) =>
    source.routes.map((route) => route.pipeline),
  );
  for (const pipeline of [...routed, ...(options.pipelines ?? [])]) {
    const known = byName.get(pipeline.name);
    if (known !== undefined && known !== pipeline) {
      throw new ConfigError(
        `pipelines.${pipeline.name}`,
        "two pipelines have this name",
        "Rename one: a pipeline's name is part of its events' ids",
      );
    }
    byName.set(pipeline.name, pipeline);
  }
  return byName;
}

function checkPipeline(pipeline: Pipeline<never>, options: GatewayOptions): void {
  const key = `pipelines.${pipeline.name}`;
  checkName(key, pipeline.name);
  if (pipeline.name === UNROUTED_PIPELINE) {
    throw new ConfigError(
      key,
      "is a name of Sluice's own",
      "Rename it: events that no route takes are recorded under it",
    );
  }
  checkPolicy(`${key}.policy`, pipeline.policy);
  if (pipeline.model !== undefined && !(pipeline.model in options.models)) {
    throw new ConfigError(
      `${key}.infer.model`,
      `no model is called "${pipeline.model}"`,
      suggest("models", options.models),
    );
  }
  for (const name of pipeline.fallbackModels ?? []) {
    if (name in options.models) continue;
    throw new ConfigError(
      `${key}.infer.fallbackModels`,
      `no model is called "${name}"`,
      suggest("models", options.models),
    );
  }
  for (const name of pipeline.deliver) {
    if (name in options.destinations) continue;
    throw new ConfigError(
      `${key}.deliver`,
      `no destination is called "${name}"`,
      suggest("destinations", options.destinations),
    );
  }
}

function checkEpochs(key: string, { epoch, previousEpoch }: GatewayOptions["sources"][string]): void {
  if (previousEpoch === null) return;
  if (previousEpoch.epoch >= epoch) {
    const problem = `${previousEpoch.epoch} does not come before ${epoch}`;
    throw new ConfigError(
      `${key}.epoch`,
      problem,
      "Raise the source's `epoch` with each change of `partitionBy`",
    );
  }
  if (Number.isNaN(previousEpoch.endsAtMs)) {
    const mend = 'Use a time as in "2027-01-31T00:00:00Z", or milliseconds since the epoch';
    throw new ConfigError(`${key}.until`, "is no time", mend);
  }
}

function checkRoutes(name: string, source: GatewayOptions["sources"][string]): void {
  for (const route of source.routes) {
    checkPolicy(`sources.${name}.routes`, route.options.policy ?? {});
    checkSync(`sources.${name}.routes`, route.options);
    if (route.type === "*" || route.type in source.events) continue;
    throw new ConfigError(
      `sources.${name}.routes`,
      `the source declares no event type "${route.type}"`,
      suggest(`sources.${name}.events`, source.events),
    );
  }
}

function checkSync(key: string, options: RouteOptions<never>): void {
  if (options.mode !== "sync") return;
  const { minDeadlineMs, maxDeadlineMs } = LIMITS.sync;
  const { deadlineMs } = options;
  if (deadlineMs >= minDeadlineMs && deadlineMs <= maxDeadlineMs) return;
  const mend = `Use ${minDeadlineMs} to ${maxDeadlineMs}, below what the sender waits`;
  throw new ConfigError(`${key}.deadlineMs`, `${deadlineMs} ms is out of range`, mend);
}

function checkPolicy(key: string, policy: Partial<EventPolicy>): void {
  const { leaseMs, lookahead, quota } = policy;
  for (const events of [quota?.perMinute, quota?.burst]) {
    if (events === undefined || (Number.isInteger(events) && events > 0)) continue;
    throw new ConfigError(`${key}.quota`, `${events} is no number of events`, "Use a whole number above 0");
  }
  if (quota?.burst !== undefined && quota.burst > quota.perMinute) {
    const problem = `a burst of ${quota.burst} is more than the minute's ${quota.perMinute}`;
    throw new ConfigError(`${key}.quota`, problem, "Raise `perMinute`, or lower `burst`");
  }
  if (leaseMs !== undefined && leaseMs < LIMITS.partition.minLeaseMs) {
    const mend = `Use at least ${LIMITS.partition.minLeaseMs}: no delivery starts unless the lease outlives it`;
    throw new ConfigError(`${key}.leaseMs`, `${leaseMs} ms is too short`, mend);
  }
  // One invocation drives a partition, and works on so many events at once: more would never be used.
  const { driverSlots } = LIMITS.lanes;
  if (lookahead === undefined || (Number.isInteger(lookahead) && lookahead >= 1 && lookahead <= driverSlots))
    return;
  throw new ConfigError(
    `${key}.lookahead`,
    `${lookahead} is out of range`,
    `Use a whole number from 1 to ${driverSlots}`,
  );
}

function checkName(key: string, name: string): void {
  if (NAME.test(name)) return;
  throw new ConfigError(
    key,
    "is not a usable name",
    "Use lower-case letters, digits and hyphens, a letter first, at most 63",
  );
}

function suggest(key: string, known: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(known).map((name) => `"${name}"`);
  return names.length === 0 ? `Add it to ${key}` : `Add it to ${key}, or use one of: ${names.join(", ")}`;
}
