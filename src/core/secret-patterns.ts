/**
 * Finds what looks like a credential in a text, by the forms that issuers give theirs. For output that is about to
 * leave: a model may repeat what it was shown. Names the kind, never the text.
 */

interface SecretPattern {
  readonly kind: string;
  readonly pattern: RegExp;
}

const PATTERNS: readonly SecretPattern[] = [
  { kind: "openai_key", pattern: /\bsk-(?!ant-)[A-Za-z0-9_-]{16,}/ },
  { kind: "anthropic_key", pattern: /\bsk-ant-[A-Za-z0-9_-]{16,}/ },
  { kind: "google_key", pattern: /\bAIza[A-Za-z0-9_-]{35}/ },
  { kind: "aws_key", pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/ },
  { kind: "github_token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})/ },
  { kind: "slack_token", pattern: /\bxox[abposr]-[A-Za-z0-9-]{10,}/ },
  { kind: "stripe_key", pattern: /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}/ },
  { kind: "webhook_secret", pattern: /\bwhsec_[A-Za-z0-9+/=]{16,}/ },
  { kind: "private_key", pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/ },
  { kind: "jwt", pattern: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/ },
  { kind: "bearer_token", pattern: /\bbearer [A-Za-z0-9._~+/-]{24,}/i },
];

/** The first kind that is found, or null. */
export function findSecret(text: string): string | null {
  return PATTERNS.find(({ pattern }) => pattern.test(text))?.kind ?? null;
}

/** The text with every credential replaced by its kind, as in `[stripe_key]`. */
export function replaceSecrets(text: string): string {
  return PATTERNS.reduce(
    (shown, { kind, pattern }) =>
      shown.replaceAll(new RegExp(pattern.source, `${pattern.flags}g`), `[${kind}]`),
    text,
  );
}
