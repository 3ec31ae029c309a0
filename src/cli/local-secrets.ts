/**
 * Secrets for a gateway that runs here: made once per project and kept beside the local storage, so that `sluice trigger`
 * signs with what `sluice dev` verifies. They protect nothing.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { demoSecretOf, type DemoSecret } from "../../dev/senders/demo-secrets.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import type { GatewayConfig } from "../config/gateway-options.ts";

/** wrangler's own folder for local state: every template ignores it. */
const FILE = ".wrangler/sluice/local-secrets.json";

const storedSchema = z.record(z.string(), z.object({ signs: z.string(), verifies: z.string() }));

/**
 * @param folder the project's
 * @returns by binding; a source whose sender alone can sign (Amazon SNS) has none
 */
export async function localSourceSecrets(
  folder: string,
  config: GatewayConfig,
): Promise<ReadonlyMap<string, DemoSecret>> {
  const file = path.join(folder, FILE);
  const known = new Map(Object.entries(await readStored(file)));
  const before = known.size;
  for (const { verify } of config.sources.values()) {
    for (const binding of verify.secrets) {
      if (known.has(binding)) continue;
      const secret = await newSecretFor(verify.scheme.name, binding);
      if (secret !== null) known.set(binding, secret);
    }
  }
  if (known.size > before) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`);
  }
  return known;
}

function newSecretFor(scheme: string, binding: string): Promise<DemoSecret | null> {
  const signer = SIGNERS.get(scheme);
  if (signer !== undefined) return demoSecretOf(signer);
  const text = `local ${binding.toLowerCase()}, not for production`;
  return Promise.resolve({ signs: text, verifies: text });
}

/** A file that cannot be read as what it should be is made anew. */
async function readStored(file: string): Promise<Record<string, DemoSecret>> {
  try {
    return storedSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {};
  }
}
