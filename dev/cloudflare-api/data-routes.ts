/** Storage: D1 (https://developers.cloudflare.com/api/resources/d1/), R2 and KV. */
import { DatabaseSync } from "node:sqlite";
import { newId, type Account, type DatabaseRecord } from "./account.ts";
import { ApiError, jsonOf, paged, route, type Call, type Route } from "./call.ts";

const D1 = "/accounts/:account/d1/database";
const R2 = "/accounts/:account/r2/buckets";
const KV = "/accounts/:account/storage/kv/namespaces";
/** D1's: https://developers.cloudflare.com/d1/configuration/data-location/ */
const JURISDICTIONS = ["eu", "fedramp"];

export const DATA_ROUTES: readonly Route[] = [
  // Usage of a bucket or a database, which `info` asks for beside what it is: none yet.
  route("POST", "/graphql", () => ({ result: null, data: { viewer: { accounts: [] } } })),
  route("GET", D1, ({ account, query }) => {
    const name = query.get("name");
    const databases = [...account.databases.values()].filter(
      (database) => name === null || database.name === name,
    );
    return paged(databases.map(viewOf));
  }),
  route("POST", D1, (call) => {
    const { name, jurisdiction } = jsonOf(call);
    if (find(call.account, String(name)) !== undefined) {
      throw new ApiError(400, 7_502, `A database with the name "${String(name)}" already exists`);
    }
    if (jurisdiction !== undefined && !JURISDICTIONS.some((known) => known === jurisdiction)) {
      throw new ApiError(400, 7_400, "D1 has no such jurisdiction");
    }
    const database: DatabaseRecord = {
      uuid: crypto.randomUUID(),
      name: String(name),
      jurisdiction: typeof jurisdiction === "string" ? jurisdiction : null,
      sqlite: new DatabaseSync(":memory:"),
    };
    call.account.databases.set(database.uuid, database);
    return { result: viewOf(database) };
  }),
  route("GET", `${D1}/{id}`, ({ account, params }) => ({ result: viewOf(databaseOf(account, params[0])) })),
  route("POST", `${D1}/{id}/query`, (call) => ({ result: query(call) })),
  route("GET", `${R2}/{name}`, (call) => {
    const bucket = call.account.buckets.get(bucketKey(call, call.params[0]));
    if (bucket === undefined) throw new ApiError(404, 10_006, "The specified bucket does not exist.");
    return {
      result: {
        ...bucket,
        creation_date: "2026-01-01T00:00:00Z",
        location: "WEUR",
        storage_class: "Standard",
      },
    };
  }),
  route("GET", R2, ({ account }) => ({ result: { buckets: [...account.buckets.values()] } })),
  route("POST", R2, (call) => {
    const name = String(jsonOf(call)["name"]);
    const key = bucketKey(call, name);
    if (call.account.buckets.has(key)) throw new ApiError(409, 10_004, "The bucket already exists");
    call.account.buckets.set(key, { name, jurisdiction: key.slice(0, key.indexOf(" ")) });
    return { result: { name } };
  }),
  route("GET", KV, ({ account }) => paged([...account.namespaces.values()])),
  route("POST", KV, (call) => {
    const title = String(jsonOf(call)["title"]);
    if ([...call.account.namespaces.values()].some((namespace) => namespace.title === title)) {
      throw new ApiError(400, 10_014, "a namespace with this account ID and title already exists");
    }
    const namespace = { id: newId(), title };
    call.account.namespaces.set(namespace.id, namespace);
    return { result: namespace };
  }),
];

function find(account: Account, name: string): DatabaseRecord | undefined {
  return [...account.databases.values()].find((database) => database.name === name);
}

/** By its id or, as wrangler asks as well, by its name. */
function databaseOf(account: Account, id = ""): DatabaseRecord {
  const database = account.databases.get(id) ?? find(account, id);
  if (database === undefined) throw new ApiError(404, 7_404, "The database could not be found");
  return database;
}

/** Runs every statement. What the last one reads is the answer, as of D1. */
function query(call: Call): unknown {
  const { sqlite } = databaseOf(call.account, call.params[0]);
  const { sql, params = [] } = jsonOf(call);
  const statements = String(sql)
    .split(/;\s*(?:\n|$)/)
    .filter((statement) => statement.replaceAll(/--.*$/gm, "").trim() !== "");
  try {
    return statements.map((statement) => {
      const results = sqlite.prepare(statement).all(...(params as string[])); // as wrangler sends them
      return {
        results,
        success: true,
        meta: { duration: 0, rows_read: 0, rows_written: 0, changes: 0, size_after: 0 },
      };
    });
  } catch (thrown) {
    throw new ApiError(400, 7_500, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function bucketKey({ headers }: Call, name = ""): string {
  return `${String(headers["cf-r2-jurisdiction"] ?? "default")} ${name}`;
}

function viewOf({ uuid, name, jurisdiction }: DatabaseRecord) {
  return {
    uuid,
    name,
    jurisdiction,
    version: "production",
    created_at: "2026-01-01T00:00:00Z",
    num_tables: 0,
    file_size: 0,
  };
}
