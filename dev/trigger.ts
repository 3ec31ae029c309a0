/**
 * `npm run trigger -- <sender> [type] [--to URL] [--secret S]`: sends one signed sample of any sender to a gateway, and
 * shows its answer. Without arguments it lists the senders and the types of each.
 */
import { commandLine } from "./lib/command-line.ts";
import { demoSecretOf, type DemoSecret } from "./senders/demo-secrets.ts";
import { signSampleOf, type SenderSigner } from "./senders/signer.ts";
import { SIGNERS } from "./senders/signers.ts";

const LOCAL_GATEWAY = "http://localhost:8787";

const USAGE = `npm run trigger -- [SENDER [TYPE]] [options]
  SENDER               none: lists all, with the types of each
  TYPE                 default: the sender's first
  --to URL             default: ${LOCAL_GATEWAY}/in/SENDER
  --secret SECRET      to sign with; default: the one that \`npm run dev\` knows
  --id ID              the delivery's; default: a new one`;

const command = commandLine(USAGE, {
  allowPositionals: true,
  options: { to: { type: "string" }, secret: { type: "string" }, id: { type: "string" } },
});
const { values } = command;
const [name, type, ...more] = command.positionals;
if (more.length > 0) command.refuse(`It takes a sender and a type, not "${more.join(" ")}" as well.`);
const to = values.to === undefined ? undefined : command.url("--to", values.to);
if (name === undefined) {
  for (const signer of SIGNERS.values()) console.log(`${signer.name.padEnd(18)} ${signer.types.join(", ")}`);
} else {
  const signer =
    SIGNERS.get(name) ?? command.refuse(`There is no sender "${name}". Without arguments, all are listed.`);
  process.exitCode = await trigger(signer, type ?? signer.types[0]);
}

async function trigger(signer: SenderSigner, type: string): Promise<number> {
  const secret = await secretFor(signer);
  if (secret === null) {
    console.error("Amazon alone can sign as SNS: its certificate has to come from Amazon's own host.");
    return 2;
  }
  const url = to ?? `${LOCAL_GATEWAY}/in/${signer.name}`;
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
