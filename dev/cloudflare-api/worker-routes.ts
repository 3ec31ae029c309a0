/** Workers, their versions, deployments, secrets and schedules: https://developers.cloudflare.com/api/resources/workers/ */
import { newId, type Version, type WorkerRecord } from "./account.ts";
import { ApiError, formOf, jsonOf, paged, route, type Call, type Route } from "./call.ts";

const SCRIPT = "/accounts/:account/workers/scripts/{name}";
const SERVICE = "/accounts/:account/workers/services/{name}";
const SUBDOMAIN = "example";

export const WORKER_ROUTES: readonly Route[] = [
  route("GET", "/accounts/:account/workers/subdomain", () => ({ result: { subdomain: SUBDOMAIN } })),
  route("GET", SERVICE, (call) => ({
    result: {
      id: call.params[0],
      default_environment: { environment: "production", script: settingsOf(call) },
    },
  })),
  route("GET", `${SERVICE}/environments/production`, (call) => ({ result: { script: settingsOf(call) } })),
  route("GET", `${SERVICE}/environments/production/bindings`, (call) => ({ result: bindingsOf(call) })),
  route("GET", `${SCRIPT}/settings`, (call) => ({ result: settingsOf(call) })),
  route("PATCH", `${SCRIPT}/settings`, async (call) => {
    const settings = await metadataOf(call, "settings");
    for (const binding of settings["bindings"] as readonly Record<string, unknown>[]) {
      if (binding["type"] === "secret_text" && typeof binding["text"] === "string") {
        workerOf(call).secrets.set(String(binding["name"]), binding["text"]);
      }
    }
    return { result: settings };
  }),
  route("PATCH", `${SCRIPT}/script-settings`, (call) => ({ result: jsonOf(call) })),
  route("GET", "/accounts/:account/workers/workers/{name}", (call) => {
    workerOf(call);
    return { result: { id: call.params[0], name: call.params[0], subdomain: { enabled: true }, tags: [] } };
  }),
  // A new version, live at once: the first deploy of a Worker, and every one that brings migrations of its objects.
  route("PUT", SCRIPT, async (call) => {
    const version = await upload(call);
    deploy(call, version.id);
    return {
      result: {
        id: call.params[0],
        tag: newId(),
        etag: newId(),
        deployment_id: version.id,
        startup_time_ms: 20,
        entry_point: version.metadata["main_module"],
      },
    };
  }),
  // A new version that a deployment makes live.
  route("POST", `${SCRIPT}/versions`, async (call) => {
    const version = await upload(call);
    return { result: { ...versionView(version), startup_time_ms: 20 } };
  }),
  route("GET", `${SCRIPT}/versions`, (call) => ({
    result: { items: workerOf(call).versions.map(versionView) },
  })),
  route("GET", `${SCRIPT}/versions/{version}`, (call) => {
    const version = workerOf(call).versions.find(({ id }) => id === call.params[1]);
    if (version === undefined) throw new ApiError(404, 10_007, "This version does not exist.");
    return { result: versionView(version) };
  }),
  route("GET", `${SCRIPT}/deployments`, (call) => ({
    result: { deployments: workerOf(call).deployments.map(deploymentView) },
  })),
  route("POST", `${SCRIPT}/deployments`, (call) => {
    const { versions } = jsonOf(call);
    const [first] = versions as readonly { readonly version_id: string }[]; // as wrangler sends it
    deploy(call, first?.version_id ?? "");
    return { result: deploymentView(deploymentOf(call)) };
  }),
  route("GET", `${SCRIPT}/secrets`, (call) => ({
    result: [...workerOf(call).secrets.keys()].map((name) => ({ name, type: "secret_text" })),
  })),
  route("PUT", `${SCRIPT}/secrets`, (call) => {
    const { name, text } = jsonOf(call);
    workerOf(call).secrets.set(String(name), String(text));
    return { result: { name, type: "secret_text" } };
  }),
  route("PATCH", `${SCRIPT}/secrets-bulk`, (call) => {
    const { secrets } = jsonOf(call);
    const given = Object.values(secrets as Record<string, { readonly name: string; readonly text: string }>); // as wrangler sends it
    for (const { name, text } of given) workerOf(call).secrets.set(name, text);
    return { result: given.map(({ name }) => ({ name, type: "secret_text" })) };
  }),
  route("PUT", `${SCRIPT}/schedules`, (call) => {
    const schedules: unknown = JSON.parse(call.bytes.toString("utf8"));
    workerOf(call).schedules = Array.isArray(schedules) ? schedules : [];
    return { result: { schedules } };
  }),
  route("GET", `${SCRIPT}/schedules`, (call) => ({ result: { schedules: workerOf(call).schedules } })),
  route("GET", `${SCRIPT}/subdomain`, () => ({ result: { enabled: true, previews_enabled: false } })),
  route("POST", `${SCRIPT}/subdomain`, (call) => ({ result: jsonOf(call) })),
  route("GET", "/accounts/:account/workers/durable_objects/namespaces", () => paged([])),
];

async function upload(call: Call): Promise<Version> {
  const name = call.params[0] ?? "";
  const metadata = await metadataOf(call, "metadata");
  const worker = call.account.workers.get(name) ?? newWorker();
  call.account.workers.set(name, worker);
  const version: Version = {
    id: crypto.randomUUID(),
    metadata: { ...metadata, bindings: resolveInherited(metadata["bindings"], worker) },
    modules: await modulesOf(call),
    createdOn: new Date().toISOString(),
  };
  worker.versions.unshift(version);
  return version;
}

type Binding = Readonly<Record<string, unknown>>;

/** A binding that is inherited is what it was in the version before. */
function resolveInherited(bindings: unknown, { versions }: WorkerRecord): readonly Binding[] {
  const before = listOf(versions[0]?.metadata["bindings"]);
  return listOf(bindings).map((binding) =>
    binding["type"] === "inherit"
      ? (before.find(({ name }) => name === binding["name"]) ?? binding)
      : binding,
  );
}

function listOf(bindings: unknown): readonly Binding[] {
  return Array.isArray(bindings) ? (bindings as readonly Binding[]) : []; // as wrangler sends them
}

async function modulesOf(call: Call): Promise<ReadonlyMap<string, string>> {
  const files = [...(await formOf(call))].flatMap(([name, part]) =>
    typeof part === "string" || name === "metadata" ? [] : [part],
  );
  return new Map(await Promise.all(files.map(async (file) => [file.name, await file.text()] as const)));
}

async function metadataOf(call: Call, part: string): Promise<Record<string, unknown>> {
  const sent = (await formOf(call)).get(part);
  const text = typeof sent === "string" ? sent : ((await sent?.text()) ?? "{}");
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new ApiError(400, 10_001, `"${part}" is no object`);
  return value as Record<string, unknown>; // an object just now
}

function newWorker(): WorkerRecord {
  return { versions: [], deployments: [], secrets: new Map(), schedules: [] };
}

function workerOf({ account, params }: Call): WorkerRecord {
  const worker = account.workers.get(params[0] ?? "");
  if (worker === undefined) throw new ApiError(404, 10_007, "This Worker does not exist on your account.");
  return worker;
}

function deploy(call: Call, versionId: string): void {
  const worker = workerOf(call);
  if (!worker.versions.some(({ id }) => id === versionId)) {
    throw new ApiError(404, 10_007, "This version does not exist.");
  }
  worker.deployments.unshift({ id: crypto.randomUUID(), versionId, query: call.query.toString() });
}

function deploymentOf(call: Call): WorkerRecord["deployments"][number] {
  const [deployment] = workerOf(call).deployments;
  if (deployment === undefined) throw new ApiError(404, 10_007, "This Worker was never deployed.");
  return deployment;
}

function deploymentView({ id, versionId }: WorkerRecord["deployments"][number]) {
  return {
    id,
    source: "wrangler",
    strategy: "percentage",
    author_email: "deployer@example.com",
    created_on: "2026-01-01T00:00:00Z",
    annotations: {},
    versions: [{ version_id: versionId, percentage: 100 }],
  };
}

function versionView({ id, metadata, createdOn }: Version) {
  return {
    id,
    number: 1,
    metadata: {
      created_on: createdOn,
      modified_on: createdOn,
      source: "wrangler",
      author_email: "deployer@example.com",
    },
    annotations: {},
    resources: {
      bindings: metadata["bindings"] ?? [],
      script: { etag: id, handlers: ["fetch"] },
      script_runtime: {},
    },
  };
}

function bindingsOf(call: Call): readonly unknown[] {
  const metadata = metadataNow(call);
  const bindings = metadata["bindings"];
  const secrets = [...workerOf(call).secrets.keys()].map((name) => ({ name, type: "secret_text" }));
  return [...(Array.isArray(bindings) ? bindings : []), ...secrets];
}

function metadataNow(call: Call): Version["metadata"] {
  return workerOf(call).versions[0]?.metadata ?? {};
}

function settingsOf(call: Call) {
  const metadata = metadataNow(call);
  const migrations = metadata["migrations"] as { readonly new_tag?: string } | undefined; // as wrangler sends it
  return {
    id: call.params[0],
    bindings: bindingsOf(call),
    compatibility_date: metadata["compatibility_date"],
    compatibility_flags: metadata["compatibility_flags"] ?? [],
    migration_tag: migrations?.new_tag ?? null,
    last_deployed_from: "wrangler",
    tags: [],
    usage_model: "standard",
  };
}
