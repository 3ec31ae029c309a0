/**
 * A Durable Object's `state` over real SQLite in memory. What an object writes is durable once flushed, together
 * with the alarm; until then everything it says to others is held back, and a crash takes it away, as on the platform.
 */
import type { SQLInputValue } from "node:sqlite";
import type { Context } from "./context.ts";
import type { SimProcess } from "./process.ts";
import type { SimDisk } from "./sim-disk.ts";

type Row = Record<string, unknown>;

export interface SimCursor extends Iterable<Row> {
  toArray(): Row[];
  one(): Row;
  readonly rowsWritten: number;
}

export interface SimSql {
  readonly databaseSize: number;
  exec(statement: string, ...values: SQLInputValue[]): SimCursor;
}

export interface SimStorage {
  readonly sql: SimSql;
  transactionSync<Value>(work: () => Value): Value;
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
  deleteAlarm(): Promise<void>;
  deleteAll(): Promise<void>;
}

export interface SimState {
  readonly id: { readonly name: string };
  readonly storage: SimStorage;
  blockConcurrencyWhile(work: () => Promise<void>): Promise<void>;
  waitUntil(work: Promise<unknown>): void;
}

const WRITES = /^\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP)/i;
/** Never near a bound: what a full partition does is not this simulation's subject. */
const DATABASE_BYTES = 100_000;

/** The storage as one loaded object sees it. Dead objects can do nothing any more. */
export class LoadedState implements SimState {
  readonly id: { readonly name: string };
  readonly storage: SimStorage;
  ready: Promise<void> = Promise.resolve();
  private readonly context: Context;
  private readonly disk: SimDisk;
  private readonly owner: SimProcess;
  private inTransaction = false;

  constructor(context: Context, disk: SimDisk, owner: SimProcess) {
    this.context = context;
    this.disk = disk;
    this.owner = owner;
    this.id = { name: disk.name };
    this.storage = {
      sql: { databaseSize: DATABASE_BYTES, exec: (statement, ...values) => this.exec(statement, values) },
      transactionSync: (work) => this.transaction(work),
      getAlarm: () => Promise.resolve(this.disk.workingAlarmMs),
      setAlarm: (atMs) => this.setAlarm(atMs),
      deleteAlarm: () => this.setAlarm(null),
      deleteAll: () => this.deleteAll(),
    };
  }

  blockConcurrencyWhile(work: () => Promise<void>): Promise<void> {
    this.ready = work();
    this.ready.catch((thrown: unknown) => this.context.violate("blockConcurrencyWhile", String(thrown)));
    return this.ready;
  }

  waitUntil(work: Promise<unknown>): void {
    work.catch((thrown: unknown) => this.context.violate("waitUntil", String(thrown)));
  }

  private exec(statement: string, values: readonly SQLInputValue[]): SimCursor {
    this.assertAlive();
    if (!WRITES.test(statement)) return cursorOf(this.disk.read(statement, values), 0);
    const refusable = this.inTransaction && /events_|partition/.test(statement);
    if (refusable && this.context.faults.strikes("statement_refused", 0.02)) {
      this.context.trace.line(`${this.disk.label} statement refused`);
      throw new Error("SQLITE_FULL (simulated)");
    }
    return cursorOf([], this.disk.write(statement, values));
  }

  private transaction<Value>(work: () => Value): Value {
    this.assertAlive();
    this.disk.savepoint();
    this.inTransaction = true;
    try {
      const value = work();
      this.disk.release();
      return value;
    } catch (thrown) {
      this.disk.rollbackToSavepoint();
      throw thrown;
    } finally {
      this.inTransaction = false;
    }
  }

  private setAlarm(atMs: number | null): Promise<void> {
    this.assertAlive();
    this.disk.setAlarm(atMs);
    return Promise.resolve();
  }

  private deleteAll(): Promise<void> {
    this.assertAlive();
    this.disk.dropEverything();
    return Promise.resolve();
  }

  private assertAlive(): void {
    if (!this.owner.alive) throw new Error("the object was reset");
  }
}

function cursorOf(rows: Row[], rowsWritten: number): SimCursor {
  return {
    rowsWritten,
    toArray: () => rows,
    one: () => {
      const [row] = rows;
      if (row === undefined || rows.length > 1) throw new Error(`one() of ${rows.length} rows`);
      return row;
    },
    [Symbol.iterator]: () => rows[Symbol.iterator](),
  };
}
