/** What a hand-labelled example is. */

export const MODERATION_CATEGORIES = [
  "harassment",
  "hate",
  "violence",
  "sexual",
  "self_harm",
  "spam",
  "scam",
] as const;

export type ModerationCategory = (typeof MODERATION_CATEGORIES)[number];

export interface ModerationExample {
  readonly text: string;
  /** Empty: nothing is wrong with it. */
  readonly labels: readonly ModerationCategory[];
}

export interface LeadExample {
  readonly email: string;
  readonly company: string;
  readonly message: string;
  /** Would a sales person want to call this one back today? */
  readonly isLead: boolean;
}
