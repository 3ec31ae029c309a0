/**
 * `sluice trigger [source] [type]`: sends one signed sample event to a gateway and shows its answer. In a project it knows
 * the sources: the payload fits the schema of the type, and the secret is the one that `sluice dev` gave.
 */
import { existsSync } from "node:fs";
import { demoSecretOf, type DemoSecret } from "../../dev/senders/demo-secrets.ts";
import { signSampleOf, type SenderSigner } from "../../dev/senders/signer.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { isVersioned } from "../config/event-schemas.ts";
import type { Source } from "../config/define-source.ts";
import type { JsonValue } from "../core/json.ts";
import { messageOf } from "../core/result.ts";
import { localSourceSecrets } from "./local-secrets.ts";
import { readProject, type Project } from "./project.ts";
import { completeSample } from "./sample-payload.ts";

export interface TriggerOptions {
  readonly source: string | undefined;
  readonly type: string | undefined;
  /** The gateway's origin, or a source's whole URL. */
  readonly to: string;
  readonly secret?: string;
  readonly id?: string;
}

/** What is sent, but for its signature. */
interface Target {
  /** As in `/in/<name>`. */
  readonly name: string;
  readonly signer: SenderSigner;
  readonly source: Source | undefined;
  readonly types: readonly string[];
}

/** @returns the exit code: 0 when the gateway took the event, 1 when it did not, 2 when nothing could be sent */
export async function trigger(options: TriggerOptions): Promise<number> {
  const project = existsSync("wrangler.toml") ? await readProject() : null;
  if (options.source === undefined) {
    listTargets(project);
    return 0;
  }
  const target = targetOf(options.source, project);
  const type = options.type ?? target.types[0] ?? target.signer.types[0];
  const secret = await secretFor(target, options, project);
  if (secret === null) {
    console.error(
      `Only ${target.signer.name} itself can sign its events: its certificate or key comes from its own host.`,
    );
    return 2;
  }
  const url = addressOf(options.to, target.name);
  const id = options.id ?? `sample-${crypto.randomUUID()}`;
  const facts = { id, type, atMs: Date.now() };
  const body = bodyOf(target, type, target.signer.sample(facts));
  const request = await signSampleOf(target.signer, {
    ...facts,
    url,
    secret: secret.signs,
    ...(body === undefined ? {} : { body }),
  });
  console.log(`POST ${request.url}\n${request.body.trimEnd()}`);
  let response: Response;
  try {
    response = await fetch(request.url, { method: "POST", headers: request.headers, body: request.body });
  } catch (thrown) {
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
    console.error(
      `Nobody answers there (${messageOf(cause)}). \`sluice dev\` starts a gateway; --to names another.`,
    );
    return 1;
  }
  console.log(`${response.status} ${await response.text()}`);
  if (response.status === 401) {
    console.error(
      `The gateway verifies with another secret. What was signed fits a binding that holds: ${secret.verifies}`,
    );
  }
  return response.ok ? 0 : 1;
}

function listTargets(project: Project | null): void {
  if (project !== null) {
    console.log("Sources of this project:");
    for (const name of project.config.sources.keys()) {
      const signer = signerOf(project.config.sources.get(name));
      const types =
        signer === undefined
          ? "(its scheme cannot be signed here)"
          : targetOf(name, project).types.join(", ");
      console.log(`  ${name.padEnd(18)} ${types}`);
    }
    console.log("\nSenders that can be played to any gateway with --to:");
  }
  for (const signer of SIGNERS.values())
    console.log(`  ${signer.name.padEnd(18)} ${signer.types.join(", ")}`);
}

/** A source of the project first, else a sender. */
function targetOf(name: string, project: Project | null): Target {
  const source = project?.config.sources.get(name);
  const signer = source === undefined ? SIGNERS.get(name) : signerOf(source);
  if (signer === undefined) {
    throw new Error(
      source === undefined
        ? `There is no source and no sender "${name}". Without arguments, all are listed.`
        : `"${name}" verifies with the scheme "${source.verify.scheme.name}", which cannot be signed here.`,
    );
  }
  return { name, signer, source, types: source === undefined ? signer.types : typesOf(source, signer) };
}

function signerOf(source: Source | undefined): SenderSigner | undefined {
  return source === undefined ? undefined : SIGNERS.get(source.verify.scheme.name);
}

/** Types that the source declares, those first that the sender is known to send. */
function typesOf({ events }: Source, signer: SenderSigner): readonly string[] {
  const declared = Object.keys(events);
  if (declared.length === 0) return signer.types;
  const known = declared.filter((type) => signer.types.includes(type));
  return [...known, ...declared.filter((type) => !known.includes(type))];
}

/** @returns undefined where the sender's own sample does, or is no JSON */
function bodyOf({ source, signer }: Target, type: string, sample: JsonValue): string | undefined {
  const declared = source?.events[type];
  if (declared === undefined || (signer.contentType ?? "application/json") !== "application/json")
    return undefined;
  const schema = isVersioned(declared) ? Object.values(declared.versions).at(-1) : declared;
  return schema === undefined ? undefined : JSON.stringify(completeSample(schema, sample));
}

async function secretFor(
  { signer, source }: Target,
  { secret }: TriggerOptions,
  project: Project | null,
): Promise<DemoSecret | null> {
  if (secret !== undefined) {
    const isPair = signer.key === "ed25519" || signer.key === "ecdsa" || signer.key === "certificate";
    return { signs: secret, verifies: isPair ? "the public key of the private key given" : secret };
  }
  const [binding] = source?.verify.secrets ?? [];
  if (project === null || binding === undefined) return demoSecretOf(signer);
  const own = project.devVariables[binding];
  if (own !== undefined) return { signs: own, verifies: own };
  return (await localSourceSecrets(project.folder, project.config)).get(binding) ?? null;
}

/** A bare origin gets the source's path. */
function addressOf(to: string, name: string): string {
  const url = URL.parse(to);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`--to must be an address that begins with http:// or https://, not "${to}"`);
  }
  if (url.pathname === "/") url.pathname = `/in/${name}`;
  return url.href;
}
