/** A way to spoil a request, or, for the control group, to leave it whole. */
import type { Expectation } from "./fuzz-case.ts";
import type { FuzzRequest } from "./request.ts";
import type { Workshop } from "./workshop.ts";

export interface Made {
  readonly requests: readonly [FuzzRequest, ...FuzzRequest[]];
  readonly expected: Expectation;
  readonly isOneEvent?: boolean;
}

export interface Mutation {
  readonly kind: string;
  make(workshop: Workshop): Promise<Made>;
}

export function one(expected: Expectation, request: FuzzRequest): Made {
  return { requests: [request], expected };
}
