/** Faults in model calls and in the result cache: those that other gateways are known for. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const MODEL_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("models", "src/models/deadlines.ts", [
    {
      id: "caller-unheard",
      find: 'else caller.addEventListener("abort", this.#onCallerAbort, { once: true });',
      replace: "",
      promise: "a client's abort reaches the model",
    },
    {
      id: "timed-out-call-runs-on",
      find: '    this.#release?.();\n    this.#controller.abort(new DOMException(cause, "AbortError"));\n',
      replace: "",
      promise: "a retry never runs beside the attempt that timed out",
    },
  ]),
  ...faultsIn("models", "src/models/upstream-reader.ts", [
    {
      id: "late-stop-changes-the-end",
      find: "    if (this.#ended !== undefined) return this.#ended;\n",
      replace: "",
      promise: "a stop that comes late changes nothing, and kills no other stream",
    },
    {
      id: "usage-lost",
      find: "outputTokens: knowsOutput ? output : Math.ceil(this.#outputWeight)",
      replace: "outputTokens: knowsOutput ? output : 0",
      promise: "usage is not lost with an interrupted stream",
    },
  ]),
  ...faultsIn("models", "src/core/classify/model-error.ts", [
    {
      id: "bills-are-retried",
      find: 'const QUOTA: Verdict = { class: "permanent", code: "quota" };',
      replace: 'const QUOTA: Verdict = { class: "transient", code: "quota" };',
      promise: "a 429 about money is not retried",
    },
  ]),
  ...faultsIn("cache", "src/cache/single-flight.ts", [
    {
      id: "stampede",
      find: "      if (nowMs() < entry.staleAtMs) return entry.answer;\n",
      replace: "",
      promise: "identical requests at the same time share one call",
    },
  ]),
  ...faultsIn("cache", "src/cache/result-key.ts", [
    {
      id: "tenants-share-answers",
      find: "    v: KEY_VERSION,\n    space,\n",
      replace: "    v: KEY_VERSION,\n",
      promise: "cached answers are one tenant's",
    },
  ]),
  ...faultsIn("cache", "src/cache/results.ts", [
    {
      id: "elsewhere-unheard",
      find: 'if (joined.kind === "lead") await joined.land(told);',
      replace: "",
      promise: "equal requests across locations share one call",
    },
  ]),
];
