/** The key of a model result: a hash of everything the answer depends on, and of nothing else. */
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonValue } from "../core/json.ts";

/** Raise it when the meaning of a cached value or the way prompts are built changes. */
const KEY_VERSION = 1;

export interface ResultIdentity {
  /** Whose results these are: sources in different spaces or jurisdictions never share one. */
  readonly space: string;
  /** The config's name and the provider's: the same name may point elsewhere after a deploy. */
  readonly model: string;
  readonly modelId: string;
  readonly promptVersion: string;
  readonly outputSchema: JsonValue;
  readonly parameters: { readonly temperature: number | null; readonly maxOutputTokens: number | null };
  readonly instruction: string;
  readonly sections: readonly { readonly label: string; readonly text: string }[];
}

export async function resultKey(identity: ResultIdentity): Promise<string> {
  const { space, model, modelId, promptVersion, outputSchema, parameters, instruction, sections } = identity;
  const text = canonicalJson({
    v: KEY_VERSION,
    space,
    model,
    modelId,
    promptVersion,
    outputSchema,
    parameters,
    instruction,
    sections: sections.map((section) => [section.label, section.text]),
  });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `result:${hex}`;
}
