/** Faults in what has effects outside, and in what is stored before it. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const PIPELINE_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("pipeline", "src/pipeline/deliver.ts", [
    {
      id: "send-again-what-was-confirmed",
      find: "filter((name) => !confirmed.has(name))",
      replace: "filter(() => confirmed.size >= 0)",
      promise: "what was confirmed is never sent again",
    },
    {
      id: "key-without-the-run",
      find: "`${envelope.id}.${run}.${destination}`",
      replace: "`${envelope.id}.${destination}`",
      promise: "a new run has new idempotency keys",
    },
    {
      id: "confirm-in-the-dark",
      find: "if (!(await isConfirmed(confirm, step.delivery))) {",
      replace: "void isConfirmed(confirm, step.delivery);\n        if (false) {",
      promise: "a delivery is recorded before the next one starts",
    },
    {
      id: "ignore-a-lost-lease",
      find: "runBounded(signal, timeoutMs,",
      replace: "runBounded(new AbortController().signal, timeoutMs,",
      promise: "an effect under way is stopped when the lease is lost",
    },
    {
      id: "permit-never-settled",
      find: "  admitted.permit?.settle(reportOf(sent, durationMs));\n",
      replace: "",
      promise: "every permit is settled once",
    },
  ]),
  ...faultsIn("pipeline", "src/pipeline/prepare.ts", [
    {
      id: "ask-the-model-again",
      find: `if (stored !== null) return { kind: "ready", output: stored };`,
      replace: "",
      promise: "a stored output is never made again",
    },
    {
      id: "another-output-halfway",
      find: " || effectsBegun || output.edited === true;",
      replace: " || output.edited === true;",
      promise: "destinations that are left get what the others got",
    },
    {
      id: "deliver-a-draft",
      find: "if (output === null || output.draft === true) return null;",
      replace: "if (output === null) return null;",
      promise: "what could not be used is never delivered",
    },
    {
      id: "make-an-edit-anew",
      find: " || output.edited === true;",
      replace: ";",
      promise: "a person's own words are delivered",
    },
    {
      id: "reuse-an-old-version",
      find: "output.stageVersion === stageVersion || effectsBegun",
      replace: 'stageVersion !== ""',
      promise: "a step stored by another version is not reused",
    },
  ]),
  ...faultsIn("pipeline", "src/pipeline/runner.ts", [
    {
      id: "missing-pipeline-is-fatal",
      find: 'const waits = prepared.kind === "failed" && isNotConfigured(prepared.failure);',
      replace: "const waits = false;",
      promise: "what a bad deploy took away uses up no retry",
    },
    {
      id: "quarantine-is-worked-on",
      find: "if (quarantine !== undefined && isFinal) {",
      replace: "if (false) {",
      promise: "a quarantined event is a dead letter",
    },
    {
      id: "quarantine-is-for-ever",
      find: "const isFinal = deps.checkSource === undefined || name === UNROUTED_PIPELINE;",
      replace: "const isFinal = true;",
      promise: "a quarantined event is replayable once the config is mended",
    },
  ]),
];
