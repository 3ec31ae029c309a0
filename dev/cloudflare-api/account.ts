/** The account behind the stand-in: what has been made in it so far. */
import type { DatabaseSync } from "node:sqlite";

export interface QueueRecord {
  readonly queue_id: string;
  readonly queue_name: string;
  settings: Readonly<Record<string, unknown>>;
  readonly jurisdiction: string | null;
  readonly consumers: Readonly<Record<string, unknown>>[];
}

export interface DatabaseRecord {
  readonly uuid: string;
  readonly name: string;
  readonly jurisdiction: string | null;
  readonly sqlite: DatabaseSync;
}

export interface Version {
  readonly id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The uploaded files by name. */
  readonly modules: ReadonlyMap<string, string>;
  readonly createdOn: string;
}

export interface WorkerRecord {
  readonly versions: Version[];
  /** The newest first. */
  readonly deployments: { readonly id: string; readonly versionId: string; readonly query: string }[];
  readonly secrets: Map<string, string>;
  schedules: readonly unknown[];
}

export interface Account {
  readonly id: string;
  readonly queues: Map<string, QueueRecord>;
  readonly databases: Map<string, DatabaseRecord>;
  /** By jurisdiction and name. */
  readonly buckets: Map<string, { readonly name: string; readonly jurisdiction: string }>;
  readonly namespaces: Map<string, { readonly id: string; readonly title: string }>;
  readonly workers: Map<string, WorkerRecord>;
}

export function newAccount(): Account {
  return {
    id: "0123456789abcdef0123456789abcdef",
    queues: new Map(),
    databases: new Map(),
    buckets: new Map(),
    namespaces: new Map(),
    workers: new Map(),
  };
}

export function newId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
