/**
 * The few names of the platform's types that the simulated modules mention. The Worker's own program checks
 * them against the real ones; here they only have to be known.
 */
interface QueueSendResponse {
  readonly metadata?: { readonly metrics?: { readonly backlogCount?: number } };
}

interface Queue {
  send(body: unknown, options?: { readonly contentType?: string }): Promise<QueueSendResponse>;
  sendBatch(
    messages: Iterable<{ readonly body: unknown; readonly contentType?: string }>,
  ): Promise<QueueSendResponse>;
}

interface KVNamespace {
  get(key: string, type: "text"): Promise<string | null>;
  put(key: string, value: string, options?: { readonly expirationTtl?: number }): Promise<void>;
}

interface RateLimit {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

interface SecretsStoreSecret {
  get(): Promise<string>;
}
