/** Everything the fuzz does to requests. */
import type { Mutation } from "./mutation.ts";
import { BODIES } from "./mutations/bodies.ts";
import { CONTROLS } from "./mutations/controls.ts";
import { HEADERS } from "./mutations/headers.ts";
import { SIGNATURES } from "./mutations/signatures.ts";
import { TARGETS } from "./mutations/targets.ts";

export const MUTATIONS: readonly Mutation[] = [...CONTROLS, ...SIGNATURES, ...BODIES, ...HEADERS, ...TARGETS];
