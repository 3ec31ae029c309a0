/**
 * `npm run trigger -- <sender> [type] [--to URL] [--secret S]`: sends one signed sample of any sender to a gateway, and
 * shows its answer. Without arguments it lists the senders and the types of each.
 */
import { parseArgs } from "node:util";
import { demoSecretOf, type DemoSecret } from "./senders/demo-secrets.ts";
import { signSampleOf, type SenderSigner } from "./senders/signer.ts";
import { SIGNERS } from "./senders/signers.ts";

const LOCAL_GATEWAY = "http://localhost:8787";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { to: { type: "string" }, secret: { type: "string" }, id: { type: "string" } },
});
const [name, type] = positionals;
if (name === undefined) {
  for (const signer of SIGNERS.values()) console.log(`${signer.name.padEnd(18)} ${signer.types.join(", ")}`);
} else {
  const signer = SIGNERS.get(name);
  if (signer === undefined) {
    console.error(`There is no sender "${name}". Without arguments, all are listed.`);
    process.exitCode = 2;
  } else {
    process.exitCode = await trigger(signer, type ?? signer.types[0]);
  }
}

async function trigger(signer: SenderSigner, type: string): Promise<number> {
  const secret = await secretFor(signer);
  if (secret === null) {
    console.error("Amazon alone can sign as SNS: its certificate has to come from Amazon's own host.");
    return 2;
  }
  const url = values.to ?? `${LOCAL_GATEWAY}/in/${signer.name}`;
  const id = values.id ?? `sample-${crypto.randomUUID()}`;
  const request = await signSampleOf(signer, { id, type, atMs: Date.now(), url, secret: secret.signs });
  console.log(`POST ${request.url}\n${request.body.trimEnd()}`);
  console.log(`Signed for a binding that holds: ${secret.verifies}`);
  let response: Response;
  try {
    response = await fetch(request.url, { method: "POST", headers: request.headers, body: request.body });
  } catch (thrown) {
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
    console.error(
      `Nobody answers there (${String(cause)}). \`npm run dev\` starts a gateway; --to names another.`,
    );
    return 1;
  }
  console.log(`${response.status} ${await response.text()}`);
  return response.ok ? 0 : 1;
}

async function secretFor(signer: SenderSigner): Promise<DemoSecret | null> {
  const { secret } = values;
  if (secret === undefined) return demoSecretOf(signer);
  const isPair = signer.key === "ed25519" || signer.key === "ecdsa" || signer.key === "certificate";
  return { signs: secret, verifies: isPair ? "the public key of the private key given" : secret };
}
