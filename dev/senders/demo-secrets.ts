/** What the samples of each sender are signed with when nobody says otherwise. Known to everyone, for local use alone. */
import { unreachable } from "../../src/core/result.ts";
import { DEMO_SECRETS } from "./sample.ts";
import type { SenderSigner } from "./signer.ts";
import { newEcdsaPair, newEd25519Pair } from "./webcrypto.ts";

export interface DemoSecret {
  readonly signs: string;
  /** What the gateway's binding has to hold. */
  readonly verifies: string;
}

/** @returns null where only the sender itself can sign: its certificate or key has to come from its own host */
export async function demoSecretOf(signer: SenderSigner): Promise<DemoSecret | null> {
  switch (signer.key) {
    case "ed25519":
      return fromPair(await newEd25519Pair());
    case "ecdsa":
      return fromPair(await newEcdsaPair());
    case "standard-webhooks":
      return same(DEMO_SECRETS.media);
    case "certificate":
    case "google":
    case "plaid":
    case "paypal":
      return null;
    case undefined:
      return same(knownSecret(signer.name) ?? `demo ${signer.name} secret, not for production`);
    default:
      return unreachable(signer.key);
  }
}

/** The same as the demo's, where it has the sender. */
function knownSecret(name: string): string | undefined {
  return name === "stripe" || name === "github" ? DEMO_SECRETS[name] : undefined;
}

function same(secret: string): DemoSecret {
  return { signs: secret, verifies: secret };
}

function fromPair(pair: { readonly privateKey: string; readonly publicKey: string }): DemoSecret {
  return { signs: pair.privateKey, verifies: pair.publicKey };
}
