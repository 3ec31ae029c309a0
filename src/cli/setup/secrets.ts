/**
 * Which secrets a deployment still lacks: those that are only ours are made, the others are their owners' to give.
 * Pure but for chance; never prints a value.
 */

/** What of a checked config names secrets. */
export interface SecretsConfig {
  readonly apiTokens: readonly string[];
  readonly destinations: ReadonlyMap<string, { readonly kind: string; readonly secret?: string }>;
}

export interface MissingSecret {
  readonly part: string;
  readonly binding: string;
  readonly effect: string;
}

export interface SecretsPlan {
  /** Values to be set now. */
  readonly set: Readonly<Record<string, string>>;
  /** Of these, the ones that were made here: shown once. */
  readonly made: readonly string[];
  /** What somebody else has to say: a sender's secret, a model's key. */
  readonly asked: readonly MissingSecret[];
}

/**
 * @param missing what the config names and nobody has set
 * @param given values from the operator's own file
 * @param ours further bindings of ours that exist only if somebody sets them
 */
export function planSecrets(
  config: SecretsConfig,
  missing: readonly MissingSecret[],
  given: Readonly<Record<string, string>>,
  ours: readonly string[],
  randomBytes: (count: number) => Uint8Array,
): SecretsPlan {
  const set: Record<string, string> = { ...given };
  const made: string[] = [];
  const asked: MissingSecret[] = [];
  const signing = new Set([...config.destinations.values()].flatMap(({ secret }) => secret ?? []));
  const make = (binding: string, value: string) => {
    set[binding] = value;
    made.push(binding);
  };
  for (const secret of missing) {
    const { binding } = secret;
    if (binding in set) continue;
    if (config.apiTokens.includes(binding)) make(binding, `sluice_${encode(randomBytes(32), "base64url")}`);
    // The receiver is given the same one.
    else if (signing.has(binding)) make(binding, `whsec_${encode(randomBytes(32), "base64")}`);
    else if (!asked.some((other) => other.binding === binding)) asked.push(secret);
  }
  for (const binding of ours) {
    if (!(binding in set)) make(binding, `sluice_${encode(randomBytes(32), "base64url")}`);
  }
  return { set, made, asked };
}

function encode(bytes: Uint8Array, encoding: "base64" | "base64url"): string {
  return Buffer.from(bytes).toString(encoding);
}
