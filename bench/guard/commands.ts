/** What the bench says to its Worker. */
export type GuardBenchCommand =
  /** One invocation of a lane's consumer with these events; answers when it returns. */
  | {
      readonly kind: "consume";
      readonly consumer: number;
      readonly first: number;
      readonly events: number;
      readonly limit: number;
    }
  | { readonly kind: "read" }
  | { readonly kind: "reset" };
