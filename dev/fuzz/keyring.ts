/** The secrets of every sender for one run: what it signs with, and what the gateway's binding holds. */
import { CATALOGUE } from "../senders/catalogue.ts";
import { selfSignedCertificate } from "../senders/certificate.ts";
import { SNS_TOPIC } from "../senders/sign-platforms.ts";
import { SIGNERS } from "../senders/signers.ts";
import { newEcdsaPair, newEd25519Pair } from "../senders/webcrypto.ts";

export interface Keyring {
  /** What the sender of this name signs with. */
  signing(sender: string): string;
  /** Another secret of the same kind, which the gateway does not know. */
  stranger(sender: string): string;
  /** For ECDSA, whose signatures cannot be made again: base64 of the SubjectPublicKeyInfo. */
  readonly ecdsaPublicKey: string;
  /** Bindings and their values, as the gateway is given them. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly certificatePem: string;
}

export const META_VERIFY_TOKEN = "fuzz verify token";
const DAY_MS = 86_400_000;

export async function createKeyring(nowMs: number): Promise<Keyring> {
  const validity = { validFromMs: nowMs - DAY_MS, validToMs: nowMs + DAY_MS };
  const [ed25519, ecdsa, certificate] = [await newEd25519Pair(), await newEcdsaPair(), await certificateOf()];
  const [otherEd25519, otherEcdsa] = [await newEd25519Pair(), await newEcdsaPair()];
  function certificateOf() {
    return selfSignedCertificate({ commonName: "sns.amazonaws.com", ...validity });
  }
  const pairs: Readonly<Record<string, Pair>> = {
    ed25519: { signs: ed25519.privateKey, verifies: ed25519.publicKey, other: otherEd25519.privateKey },
    ecdsa: { signs: ecdsa.privateKey, verifies: ecdsa.publicKey, other: otherEcdsa.privateKey },
    // A second RSA key costs seconds: a stranger's signature is one over another text.
    certificate: { signs: certificate.privateKey, verifies: SNS_TOPIC, other: certificate.privateKey },
    "standard-webhooks": textPair(`whsec_${btoa("fuzz standard webhooks!!")}`, `whsec_${btoa("a stranger")}`),
  };
  const pairOf = (sender: string): Pair => {
    const key = SIGNERS.get(sender)?.key;
    const known = key === undefined ? undefined : pairs[key];
    return known ?? textPair(`the fuzz secret of ${sender}`, `another secret of ${sender}`);
  };
  const bindings = CATALOGUE.map(({ name, binding }) => [binding, pairOf(name).verifies] as const);
  return {
    signing: (sender) => pairOf(sender).signs,
    stranger: (sender) => pairOf(sender).other,
    ecdsaPublicKey: ecdsa.publicKey,
    bindings: { ...Object.fromEntries(bindings), META_VERIFY_TOKEN },
    certificatePem: certificate.pem,
  };
}

interface Pair {
  readonly signs: string;
  readonly verifies: string;
  readonly other: string;
}

function textPair(text: string, other: string): Pair {
  return { signs: text, verifies: text, other };
}
