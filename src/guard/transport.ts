/** One command to one guard, however it travels. Never throws. */
import type * as z from "zod";
import type { Result } from "../core/result.ts";
import type { GuardFailure, GuardMethod } from "./wire.ts";

export interface GuardCall<Value extends z.ZodType> {
  /** The guard's name: `model:fast`. ASCII, as the config's names are. */
  readonly guard: string;
  readonly method: GuardMethod;
  readonly command: unknown;
  readonly value: Value;
  /** An answer that came after the call was given up. */
  readonly onLate?: (value: z.output<Value>) => void;
}

export type GuardTransport = <Value extends z.ZodType>(
  call: GuardCall<Value>,
) => Promise<Result<z.output<Value>, GuardFailure>>;
