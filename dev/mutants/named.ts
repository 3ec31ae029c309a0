/** The faults that would break a promise, by the promise. Every one of them must be noticed. */
import { EVENT_FAULTS } from "./named/events.ts";
import type { NamedMutant } from "./named/fault.ts";
import { GUARD_FAULTS } from "./named/guard.ts";
import { LANE_FAULTS } from "./named/lanes.ts";
import { LEASE_FAULTS } from "./named/lease.ts";
import { MODEL_FAULTS } from "./named/models.ts";
import { OBJECT_FAULTS } from "./named/object.ts";
import { PIPELINE_FAULTS } from "./named/pipeline.ts";

export const NAMED_MUTANTS: readonly NamedMutant[] = [
  ...LEASE_FAULTS,
  ...EVENT_FAULTS,
  ...LANE_FAULTS,
  ...OBJECT_FAULTS,
  ...PIPELINE_FAULTS,
  ...GUARD_FAULTS,
  ...MODEL_FAULTS,
];
