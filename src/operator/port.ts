/**
 * What the operator API stands on: the ledger, the partitions, and a few things only operators touch. Interfaces alone, so
 * that the routes know no binding; `services.ts` provides them.
 */
import type { GuardOperation } from "../core/guard/operate.ts";
import type { GuardSummary } from "../core/guard/summary.ts";
import type { EnvelopeBody } from "../core/envelope.ts";
import type { StageFailure } from "../core/failure.ts";
import type { PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { Result } from "../core/result.ts";
import type { GuardLimits } from "../guard/port.ts";
import type { EventLedger } from "../ledger/port.ts";
import type { PartitionOperations } from "../partition/client.ts";
import type { ReplayJobs } from "../replay/port.ts";
import type { Logger } from "../telemetry/log.ts";

/** `read` sees everything, payloads included; `operate` changes; `erase` deletes a customer for good. */
export const SCOPES = ["read", "operate", "erase"] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls. */
export interface Actor {
  readonly tokenId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
}

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the whole token, in hex. The token itself is nowhere. */
  readonly hash: string;
  readonly previousHash: string | null;
  readonly previousUntilMs: number | null;
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** The token that made it; null: a token from a secret did. */
  readonly parentId: string | null;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
}

export interface TokenStore {
  find(id: string): Promise<TokenRecord | null>;
  list(): Promise<readonly TokenRecord[]>;
  /** @returns false when its parent was revoked meanwhile: then nothing is stored */
  create(token: TokenRecord): Promise<boolean>;
  rotate(id: string, change: Pick<TokenRecord, "hash" | "previousHash" | "previousUntilMs">): Promise<void>;
  /** Ends it, and every token that it made, and they made. */
  revoke(id: string, atMs: number): Promise<void>;
}

export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  readonly actor: string;
  readonly actorName: string;
  /** The route's id, as in the OpenAPI document. */
  readonly operation: string;
  readonly target: string;
  readonly detail: string;
  /** null: the outcome was never written, so nobody knows. */
  readonly status: number | null;
  /** `ok`, or the problem's code. */
  readonly outcome: string | null;
}

export interface AuditFilter {
  readonly actor?: string;
  readonly target?: string;
  readonly operation?: string;
}

export interface AuditPosition {
  readonly atMs: number;
  readonly id: string;
}

export interface AuditLog {
  /** Throws when it cannot be written: then nothing may be done. */
  begin(entry: Omit<AuditEntry, "status" | "outcome">): Promise<void>;
  finish(id: string, status: number, outcome: string): Promise<void>;
  list(filter: AuditFilter, limit: number, after: AuditPosition | null): Promise<readonly AuditEntry[]>;
}

/** Messages that nobody could place, in R2. */
export interface UndeliverableShelf {
  list(limit: number, cursor: string | null): Promise<UndeliverablePage>;
  /** What was kept; null when there is nothing of that id. */
  get(id: string): Promise<{ readonly keptAtMs: number; readonly body: JsonValue } | null>;
  remove(id: string): Promise<void>;
}

export interface UndeliverablePage {
  readonly messages: readonly {
    readonly id: string;
    readonly sizeBytes: number;
    readonly keptAtMs: number;
  }[];
  readonly cursor: string | null;
}

export interface GuardBoard {
  /** One per model, and per destination that names limits. */
  readonly names: readonly string[];
  /** As the config has them. */
  limits(name: string): GuardLimits;
  read(name: string): Promise<Result<GuardSummary, { readonly message: string }>>;
  operate(
    name: string,
    operation: GuardOperation,
  ): Promise<Result<GuardSummary, { readonly message: string }>>;
}

/** Names that the config has, for whoever builds a filter. */
export interface Catalog {
  readonly sources: readonly string[];
  readonly pipelines: readonly string[];
  readonly models: readonly string[];
  readonly destinations: readonly string[];
}

export interface OpenPartitionList {
  /** Partitions with open work as far as drivers have reported it, the longest due first. */
  list(
    limit: number,
  ): Promise<readonly { partition: PartitionName; dueAtMs: number; reportedAtMs: number }[]>;
  settle(partition: PartitionName): Promise<void>;
}

export interface OperatorDependencies {
  readonly ledger: EventLedger;
  readonly openPartitions: OpenPartitionList;
  readonly partitions: Pick<PartitionOperations, "read" | "readEnvelope" | "status" | "operate" | "erase">;
  /** Every partition that may hold a customer's events; `customer` is `space:key`. */
  readonly partitionsOf: (customer: string) => Promise<readonly PartitionName[]>;
  readonly loadBody: (
    body: Extract<EnvelopeBody, { kind: "stored" }>,
  ) => Promise<Result<string, StageFailure>>;
  /** Deletes the bodies of a partition's events that are too large for a message. @returns how many */
  readonly eraseBodies: (partition: PartitionName) => Promise<number>;
  /** Deletes what the idempotency cache has of a partition's events. @throws when it cannot be reached */
  readonly eraseKnownEnds: (partition: PartitionName) => Promise<void>;
  readonly undeliverable: UndeliverableShelf;
  /** Sends a kept message the way it was going. */
  readonly resend: (body: JsonValue) => Promise<Result<null, "unreadable" | "pushed_back">>;
  readonly guards: GuardBoard;
  readonly catalog: Catalog;
  readonly replays: ReplayJobs;
  readonly tokens: TokenStore;
  readonly audit: AuditLog;
  /** Tokens from secrets: every scope, to make others with. */
  readonly bootstrapTokens: () => readonly string[];
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  readonly log: Logger;
}
