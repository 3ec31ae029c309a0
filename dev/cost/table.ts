/** Operations times prices, as the tables of docs/cost.md. Pure. */
import { CONFIGURATIONS, CRON_ROWS_PER_MINUTE, operationsOf, type Operations } from "./operations.ts";
import { PRICES } from "./prices.ts";
import { STREAM_CONFIGURATIONS, streamOperationsOf } from "./streams.ts";

const OBJECT_GIGABYTES = 0.128;
const OPERATIONS_PER_MESSAGE = 3;
const MINUTES_PER_MONTH = 43_200;

/** US dollars per million events, part by part. */
export interface Bill {
  readonly worker: number;
  readonly queues: number;
  readonly objects: number;
  readonly rows: number;
  readonly ledger: number;
  readonly storage: number;
  readonly total: number;
}

export function billOf(operations: Operations): Bill {
  const worker = operations.workerRequests * PRICES.workerRequest + operations.cpuMs * PRICES.cpuMs;
  const queues = operations.queueMessages * OPERATIONS_PER_MESSAGE * PRICES.queueOperation;
  const objects =
    operations.objectRequests * PRICES.objectRequest +
    operations.objectSeconds * OBJECT_GIGABYTES * PRICES.objectGigabyteSecond;
  const rows = operations.sqliteRows * PRICES.sqliteRowWritten;
  const ledger = operations.d1Rows * PRICES.d1RowWritten;
  const storage =
    operations.kvReads * PRICES.kvRead +
    operations.kvWrites * PRICES.kvWrite +
    operations.r2ClassA * PRICES.r2ClassA +
    operations.r2ClassB * PRICES.r2ClassB;
  const total = worker + queues + objects + rows + ledger + storage;
  return { worker, queues, objects, rows, ledger, storage, total };
}

/** What runs without any event: the cron's rows, and the cron itself. */
export function fixedPerMonth(): number {
  const rows = CRON_ROWS_PER_MINUTE * MINUTES_PER_MONTH * PRICES.d1RowWritten;
  const requests = MINUTES_PER_MONTH * PRICES.workerRequest;
  return (rows + requests) / 1e6;
}

export function priceTable(): string {
  const header =
    "| per million events | Worker | queues | objects | SQLite rows | ledger | KV, R2 | **all** |";
  const rule = "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
  const rows = CONFIGURATIONS.map((configuration) => {
    const {
      worker,
      queues,
      objects,
      rows: sqlite,
      ledger,
      storage,
      total,
    } = billOf(operationsOf(configuration));
    const parts = [worker, queues, objects, sqlite, ledger, storage].map(dollars);
    return `| ${configuration.name} | ${parts.join(" | ")} | **${dollars(total)}** |`;
  });
  return [header, rule, ...rows].join("\n");
}

/** A stream's objects are paid for by the second, so these are told apart. */
export function streamTable(): string {
  const header =
    "| per million streams of 20 s | Worker | queues | object requests | object time | SQLite rows | **all** |";
  const rule = "| --- | ---: | ---: | ---: | ---: | ---: | ---: |";
  const rows = STREAM_CONFIGURATIONS.map((configuration) => {
    const operations = streamOperationsOf(configuration);
    const { worker, queues, objects, rows: sqlite, total } = billOf(operations);
    const requests = operations.objectRequests * PRICES.objectRequest;
    const parts = [worker, queues, requests, objects - requests, sqlite].map(dollars);
    return `| ${configuration.name} | ${parts.join(" | ")} | **${dollars(total)}** |`;
  });
  return [header, rule, ...rows].join("\n");
}

export function operationsTable(): string {
  const header =
    "| per event | Worker requests | CPU ms | queue messages | object requests | object s | SQLite rows | D1 rows |";
  const rule = "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
  const rows = CONFIGURATIONS.map((configuration) => {
    const counted = operationsOf(configuration);
    const numbers = [
      counted.workerRequests,
      counted.cpuMs,
      counted.queueMessages,
      counted.objectRequests,
      counted.objectSeconds,
      counted.sqliteRows,
      counted.d1Rows,
    ];
    return `| ${configuration.name} | ${numbers.map((number) => Number(number.toFixed(2))).join(" | ")} |`;
  });
  return [header, rule, ...rows].join("\n");
}

function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}
