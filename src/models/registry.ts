/**
 * The configured models, each built when it is first asked for. A model whose key or URL is not set is a
 * failure that waits (`model_not_configured`, transient): what was accepted is kept while the operator sets
 * the secret, and only the model concerned is out of order.
 */
import { failure, type StageFailure } from "../core/failure.ts";
import { err, messageOf, ok, type Result } from "../core/result.ts";
import { modelNotConfigured } from "./classify.ts";
import { rotatingFetch } from "./key-rotation.ts";
import type { ConfiguredModel, ModelDefinition } from "./port.ts";
import { findDefinition } from "./regional.ts";
import { streamsOnly } from "./streams-only.ts";

export interface ModelRegistryAccess {
  /** The env by name; what is not a string is no key and no variable. */
  readonly binding: (name: string) => unknown;
  readonly fetch: typeof fetch;
}

export interface ModelRegistry {
  /** By a model's name, or that of one of its endpoints (`endpointsInOrder`). */
  get(name: string): Result<ConfiguredModel, StageFailure>;
}

export function createModelRegistry(
  definitions: ReadonlyMap<string, ModelDefinition>,
  access: ModelRegistryAccess,
): ModelRegistry {
  const built = new Map<string, ConfiguredModel>();
  return {
    get(name) {
      const known = built.get(name);
      if (known !== undefined) return ok(known);
      const definition = findDefinition(definitions, name);
      if (definition === undefined) {
        return err(failure("infer", "permanent", "model_unknown", `no model is called "${name}"`));
      }
      const configured = build(name, definition, access);
      if (configured.ok) built.set(name, configured.value);
      return configured;
    },
  };
}

/** A variable holds a token, or an address, which is none. */
function secretOf(value: string | undefined): readonly string[] {
  return value === undefined || /^https?:/i.test(value) ? [] : [value];
}

function build(
  name: string,
  definition: ModelDefinition,
  access: ModelRegistryAccess,
): Result<ConfiguredModel, StageFailure> {
  const text = (binding: string) => {
    const value = access.binding(binding);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const { apiKey: firstKey, nextApiKeys = [], keyHeader, variables = [] } = definition;
  const keyNames = firstKey === undefined ? [] : [firstKey, ...nextApiKeys];
  const keys = keyNames.flatMap((binding) => text(binding) ?? []);
  const missing = variables.filter((binding) => text(binding) === undefined);
  // One of several keys is enough.
  if (keys.length === 0) missing.unshift(...keyNames);
  if (missing.length > 0) {
    return err(modelNotConfigured(`model "${name}" needs ${missing.join(" and ")}, which is not set`));
  }
  try {
    const rotates = keys.length > 1 && keyHeader !== undefined;
    const fetcher = rotates ? rotatingFetch(access.fetch, keyHeader, keys) : access.fetch;
    const model = definition.create({ apiKey: keys[0], variable: text, fetch: streamsOnly(fetcher) });
    const secrets = [...keys, ...variables.flatMap((binding) => secretOf(text(binding)))];
    return ok({ name, definition, model, secrets });
  } catch (thrown) {
    return err(modelNotConfigured(`model "${name}" could not be built: ${messageOf(thrown)}`));
  }
}
