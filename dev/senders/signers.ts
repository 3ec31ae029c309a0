/** Every sender that can be played, by name. */
import { CHAT_SENDERS } from "./sign-chat.ts";
import { CODE_SENDERS } from "./sign-code.ts";
import { PAYMENT_SENDERS } from "./sign-payments.ts";
import { PLATFORM_SENDERS } from "./sign-platforms.ts";
import { TOKEN_SENDERS } from "./sign-tokens.ts";
import type { SenderSigner } from "./signer.ts";

const ALL: readonly SenderSigner[] = [
  ...PAYMENT_SENDERS,
  ...CODE_SENDERS,
  ...CHAT_SENDERS,
  ...PLATFORM_SENDERS,
  ...TOKEN_SENDERS,
];

export const SIGNERS: ReadonlyMap<string, SenderSigner> = new Map(ALL.map((signer) => [signer.name, signer]));
