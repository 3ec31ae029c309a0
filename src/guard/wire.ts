/**
 * What travels between a guard's client and its object: versioned commands and answers. Numbers and fixed
 * words only, so that a command is ASCII whatever a deployer names things.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { spendingSchema } from "../core/budget.ts";
import { admitRequestSchema, settlementSchema } from "../core/guard/commands.ts";
import { guardOperationSchema } from "../core/guard/operate.ts";

export const GUARD_WIRE_VERSION = 1;

const settlementsSchema = z.array(settlementSchema).max(LIMITS.guard.maxSettlementsPerCall);

/** Slots whose calls are still under way. */
const renewalsSchema = z.optional(z.array(z.int()).max(LIMITS.guard.maxSettlementsPerCall));

/** Settlements are applied first: what they free is there for the admission. */
export const admitCommandSchema = z.object({
  v: z.literal(GUARD_WIRE_VERSION),
  request: admitRequestSchema,
  settlements: settlementsSchema,
  renewals: renewalsSchema,
});
export type AdmitCommand = z.infer<typeof admitCommandSchema>;

export const settleCommandSchema = z.object({
  v: z.literal(GUARD_WIRE_VERSION),
  settlements: settlementsSchema,
  renewals: renewalsSchema,
});
export type SettleCommand = z.infer<typeof settleCommandSchema>;

export const operateCommandSchema = z.object({
  v: z.literal(GUARD_WIRE_VERSION),
  operation: guardOperationSchema,
});
export type OperateCommand = z.infer<typeof operateCommandSchema>;

/** To a budget's object: what was spent since the last word; nothing, to ask. */
export const spendCommandSchema = z.object({
  v: z.literal(GUARD_WIRE_VERSION),
  spending: spendingSchema,
});

const callerSchema = z.string().min(1).max(64);

export const joinFlightCommandSchema = z.object({ v: z.literal(GUARD_WIRE_VERSION), caller: callerSchema });

export const landFlightCommandSchema = z.object({
  v: z.literal(GUARD_WIRE_VERSION),
  caller: callerSchema,
  answer: z.nullable(z.string().max(LIMITS.cache.maxFlightAnswerCharacters)),
});

export type GuardMethod = "admit" | "settle" | "read" | "operate" | "spend" | "joinFlight" | "landFlight";

/** What the object answers. A refusal is an answer; only a fault of the platform is thrown. */
export type GuardAnswer<Value> =
  | { readonly v: typeof GUARD_WIRE_VERSION; readonly ok: true; readonly value: Value }
  | { readonly v: typeof GUARD_WIRE_VERSION; readonly ok: false; readonly message: string };

/** The value is parsed by whoever knows what was asked. */
export const answerSchema = z.discriminatedUnion("ok", [
  z.object({ v: z.literal(GUARD_WIRE_VERSION), ok: z.literal(true), value: z.unknown() }),
  z.object({ v: z.literal(GUARD_WIRE_VERSION), ok: z.literal(false), message: z.string() }),
]);

/** Why a guard gave no answer. */
export interface GuardFailure {
  readonly code:
    /** The object or the platform threw. */
    | "unreachable"
    | "timeout"
    /** The object did not accept the command: a bug, or two versions that don't know each other. */
    | "refused"
    | "malformed_answer";
  readonly message: string;
}
