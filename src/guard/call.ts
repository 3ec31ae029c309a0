/** One call to a guard's object, through itty-durable. Bounded in time; every way it can fail is a value. */
import { proxyDurable } from "itty-durable";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { err, messageOf, ok, type Result } from "../core/result.ts";
import type { GuardCall } from "./transport.ts";
import { answerSchema, type GuardFailure, type GuardMethod } from "./wire.ts";

export async function callGuard<Value extends z.ZodType>(
  namespace: DurableObjectNamespace,
  call: GuardCall<Value>,
): Promise<Result<z.output<Value>, GuardFailure>> {
  const deadline = new Deadline(LIMITS.guard.answerWithinMs);
  try {
    return await Promise.race([askUntil(deadline, namespace, call), deadline.passed]);
  } finally {
    deadline.cancel();
  }
}

async function askUntil<Value extends z.ZodType>(
  deadline: Deadline,
  namespace: DurableObjectNamespace,
  call: GuardCall<Value>,
): Promise<Result<z.output<Value>, GuardFailure>> {
  const result = await ask(namespace, call);
  if (deadline.isPast && result.ok) call.onLate?.(result.value);
  return result;
}

async function ask<Value extends z.ZodType>(
  namespace: DurableObjectNamespace,
  { guard, method, command, value }: GuardCall<Value>,
): Promise<Result<z.output<Value>, GuardFailure>> {
  try {
    const stub = proxyDurable<GuardMethod>(namespace, { name: guard, parse: true }).get(guard);
    const answer = answerSchema.safeParse(await stub[method](command));
    if (!answer.success) return malformed(answer.error);
    if (!answer.data.ok) return err({ code: "refused", message: answer.data.message });
    const parsed = value.safeParse(answer.data.value);
    return parsed.success ? ok(parsed.data) : malformed(parsed.error);
  } catch (thrown) {
    return err({ code: "unreachable", message: messageOf(thrown) });
  }
}

function malformed(error: z.ZodError): Result<never, GuardFailure> {
  return err({ code: "malformed_answer", message: z.prettifyError(error) });
}

class Deadline {
  isPast = false;
  readonly passed: Promise<Result<never, GuardFailure>>;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(afterMs: number) {
    const { promise, resolve } = Promise.withResolvers<Result<never, GuardFailure>>();
    this.passed = promise;
    this.#timer = setTimeout(() => {
      this.isPast = true;
      resolve(err({ code: "timeout", message: `no answer within ${afterMs} ms` }));
    }, afterMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
