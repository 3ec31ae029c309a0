/** Single flight beyond one isolate, as the result cache sees it. */

export type JoinedFlight =
  /** Nobody else is at it: make the call, then land. */
  | {
      readonly kind: "lead";
      /** null: there is no answer for others. Resolves when it is told, or cannot be. */
      land(answer: string | null): Promise<void>;
    }
  | { readonly kind: "answer"; readonly answer: string }
  /** No word, or waited long enough: call without a lead. */
  | { readonly kind: "alone" };

export interface SharedFlights {
  /** Waits for whoever leads. Never throws. */
  join(key: string, signal: AbortSignal): Promise<JoinedFlight>;
}
