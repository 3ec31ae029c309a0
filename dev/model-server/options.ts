/** What the model server can be told, by code or on its command line. */
import { STAND_IN_MINI_MODEL, STAND_IN_MODEL } from "./answer.ts";

export interface ModelServerOptions {
  /** 0 takes a free port. */
  readonly port?: number;
  readonly host?: string;
  /** When set, every request has to carry it as its bearer key. */
  readonly apiKey?: string;
  readonly requestsPerMinute?: number;
  /** In this server's own (wink's) tokens. */
  readonly tokensPerMinute?: number;
  /** Between the chunks of a stream. */
  readonly tokenDelayMs?: number;
  /** Before any answer: what a network and a busy model take. */
  readonly latencyMs?: number;
  /** Appends every call to this file as JSON lines, and reads it at start. */
  readonly recordFile?: string;
  /** Model ids beside the stand-in's own, for a gateway that is configured with a real one's name. */
  readonly models?: readonly string[];
  readonly nowMs?: () => number;
}

export interface ResolvedOptions {
  readonly port: number;
  readonly host: string;
  readonly apiKey: string | null;
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  readonly tokenDelayMs: number;
  readonly latencyMs: number;
  readonly recordFile: string | undefined;
  readonly models: readonly string[];
  readonly nowMs: () => number;
}

export function resolveOptions(options: ModelServerOptions): ResolvedOptions {
  return {
    port: options.port ?? 8790,
    host: options.host ?? "127.0.0.1",
    apiKey: options.apiKey ?? null,
    requestsPerMinute: options.requestsPerMinute ?? 10_000,
    tokensPerMinute: options.tokensPerMinute ?? 2_000_000,
    tokenDelayMs: options.tokenDelayMs ?? 8,
    latencyMs: options.latencyMs ?? 0,
    recordFile: options.recordFile,
    models: [STAND_IN_MODEL, STAND_IN_MINI_MODEL, ...(options.models ?? [])],
    nowMs: options.nowMs ?? Date.now,
  };
}
