/**
 * A stored payload once more against its source, as the config has it now: when an event is worked on, when it is
 * replayed after the config was mended, when a deploy has changed a schema since it was accepted. What a pipeline is
 * given is what the source's schema makes of the payload, which is what the route's types promise.
 */
import type { IncomingEvent, Source } from "../config/define-source.ts";
import { failure } from "../core/failure.ts";
import { unreachable } from "../core/result.ts";
import type { CheckSource, SourceVerdict } from "../pipeline/ports.ts";
import { callConfig } from "./guarded.ts";
import { configFault, schemaFault, type Quarantine } from "./quarantine.ts";
import { validate } from "./validate.ts";

export function createSourceCheck(sources: ReadonlyMap<string, Source>): CheckSource {
  return (envelope, payload) => {
    const source = sources.get(envelope.source);
    const { type, headers, quarantine } = envelope;
    // What another pipeline has emitted is that pipeline's word, not the sender's.
    if (source === undefined || envelope.parent !== null) return unchecked(quarantine, payload);
    const validation = validate(source.events, type, { payload, headers });
    switch (validation.kind) {
      case "undeclared":
        return unchecked(quarantine, payload);
      case "faulty":
        return failed(configFault(validation.message));
      case "invalid":
        return failed(schemaFault(type, validation.issues));
      case "valid": {
        const event = { type, payload: validation.payload, headers };
        // What was decided at the door stands; what could not be decided there is decided now.
        if (quarantine === undefined) return { kind: "valid", payload: event.payload };
        return decideAgain(source, envelope.pipeline, event);
      }
      default:
        return unreachable(validation);
    }
  };
}

/** Where nobody can judge it any more, it is what it was. */
function unchecked(quarantine: Quarantine | undefined, payload: unknown): SourceVerdict {
  return quarantine === undefined ? { kind: "valid", payload } : failed(quarantine);
}

/** Everything the config says of an event whose quarantine may be over. Partition and id stay what they became. */
function decideAgain(source: Source, pipeline: string, event: IncomingEvent<unknown>): SourceVerdict {
  const isWanted = callConfig("filter", () => source.filter(event));
  if (!isWanted.ok) return failed(configFault(isWanted.error));
  if (!isWanted.value) return { kind: "filtered", reason: "filter" };
  for (const [name, call] of [
    ["dedupeBy", () => source.dedupeBy(event)],
    ["partitionBy", () => source.partitionBy(event)],
    ["orderBy", () => source.orderBy?.(event)],
    ["priority", () => source.priorityBy?.(event)],
  ] as const) {
    const called = callConfig<unknown>(name, call);
    if (!called.ok) return failed(configFault(called.error));
  }
  const routes = source.routes.filter(
    (route) => route.pipeline.name === pipeline && (route.type === event.type || route.type === "*"),
  );
  // The routes were typed against the schema that has just parsed this payload (define-source.ts).
  const typed = event as IncomingEvent<never>;
  const matches = callConfig("when", () =>
    routes.some((route) => route.options.when === undefined || route.options.when(typed)),
  );
  if (!matches.ok) return failed(configFault(matches.error));
  return matches.value || routes.length === 0
    ? { kind: "valid", payload: event.payload }
    : { kind: "filtered", reason: "when" };
}

function failed({ code, message }: Quarantine): SourceVerdict {
  return { kind: "failed", failure: failure("parse", "permanent", code, message) };
}
