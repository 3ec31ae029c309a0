/**
 * The same Worker with a network of its own. The test harness answers the Worker's requests from this process and
 * reads each answer to its end, which hides whether a call was given up; here the runtime calls out itself.
 */
import { LOCAL_SECRETS } from "../../dev/lib/local-secrets.ts";
import { startModelServer, type ModelServer } from "../../dev/model-server/server.ts";

// Before wrangler is loaded: its own notes are not the tests'.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { unstable_startWorker } = await import("wrangler");

export interface DirectGateway {
  readonly url: string;
  readonly model: ModelServer;
  close(): Promise<void>;
}

/** Slow enough for a viewer to leave in the middle of an answer, on a busy machine too. */
const TOKEN_DELAY_MS = 25;

export interface DirectGatewayOptions {
  /** Overrides of secrets and variables. */
  readonly vars?: Readonly<Record<string, string>>;
  /** How slowly the model writes. */
  readonly tokenDelayMs?: number;
  /** When it is not the Worker's own. */
  readonly entrypoint?: string;
}

export async function startDirectGateway(options: DirectGatewayOptions = {}): Promise<DirectGateway> {
  const { vars = {}, tokenDelayMs = TOKEN_DELAY_MS, entrypoint } = options;
  const model = await startModelServer({ port: 0, tokenDelayMs });
  const settings = { ...LOCAL_SECRETS, MODEL_BASE_URL: `${model.url}/v1`, ...vars };
  const worker = await unstable_startWorker({
    config: "./wrangler.toml",
    ...(entrypoint === undefined ? {} : { entrypoint }),
    bindings: Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, { type: "plain_text", value }]),
    ),
    dev: {
      server: { hostname: "127.0.0.1", port: 0 },
      inspector: false,
      watch: false,
      persist: false,
      logLevel: "none",
    },
  });
  return {
    url: (await worker.url).origin,
    model,
    close: async () => {
      await worker.dispose();
      await model.close();
    },
  };
}
