/** What every format may tell of a stream beside its frames. */

/** How a viewer comes back to a stream, or ends it. */
export interface StreamLinks {
  readonly url: string;
  /** Read-only. */
  readonly token: string;
  readonly stopToken: string;
}

export interface StreamFacts {
  readonly id: string;
  readonly model: string;
  readonly startedAtMs: number;
  /** Told to the one that started the stream, and to nobody else. */
  readonly links?: StreamLinks;
  /** OpenAI's `stream_options.include_usage`. */
  readonly includeUsage?: boolean;
}
