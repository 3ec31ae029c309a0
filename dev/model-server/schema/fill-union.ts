/** `anyOf` and `oneOf`: the branch whose fixed values suit the text best, else the first that the text speaks to. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";
import { fallback, type FillContext, type Filled, type Slot } from "./context.ts";
import { pickLabel } from "./fill-enum.ts";
import { openMore, resolveSchema } from "./resolve.ts";

export function fillUnion(
  schema: JsonObject,
  branches: readonly JsonValue[],
  key: string,
  slot: Slot,
  context: FillContext,
): Filled {
  const { [key]: _, ...shared } = schema;
  const candidates = branches.map((branch) => {
    const resolved = resolveSchema(branch, context.root);
    const isRepeated = resolved.refs.some((ref) => (context.openRefs.get(ref) ?? 0) > 0);
    const openRefs = openMore(context.openRefs, resolved.refs);
    return { schema: { ...shared, ...resolved.schema }, isRepeated, context: { ...context, openRefs } };
  });
  const labels = candidates.map(({ schema }) => discriminatorOf(schema, context));
  if (labels.every((label) => label !== null)) {
    const label = pickLabel(labels, slot, context).label;
    const chosen = candidates[labels.indexOf(label)];
    if (chosen !== undefined) return context.fill(chosen.schema, slot, chosen.context);
  }
  let first: Filled | null = null;
  const problems: string[] = [];
  // What leads back to where it came from is the last resort: it would never end by itself.
  const ordered = candidates.toSorted((left, right) => Number(left.isRepeated) - Number(right.isRepeated));
  for (const candidate of ordered) {
    if (candidate.isRepeated && first !== null) break;
    const filled = context.fill(candidate.schema, slot, candidate.context);
    // A branch that cannot be filled is no problem while another one can.
    const failed = context.problems.splice(0);
    problems.push(...failed);
    if (failed.length > 0) continue;
    first ??= filled;
    if (!filled.found) continue;
    first = filled;
    break;
  }
  if (first === null) context.problems.push(...problems);
  return first ?? fallback(null);
}

/** The fixed text that tells a branch from the others: its own `const`, or that of one of its properties. */
function discriminatorOf(schema: JsonObject, context: FillContext): string | null {
  if (typeof schema["const"] === "string") return schema["const"];
  if (!isJsonObject(schema["properties"])) return null;
  for (const property of Object.values(schema["properties"])) {
    const { const: constant } = resolveSchema(property, context.root).schema;
    if (typeof constant === "string") return constant;
  }
  return null;
}
