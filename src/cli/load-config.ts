/**
 * Reads a project's config in Node: bundles the TypeScript file with what it imports, as wrangler would, and evaluates it.
 * Packages stay imports. What only the platform has (`cloudflare:workers`) is an empty module: a config is a description,
 * and runs nothing while it is read.
 */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import type { GatewayConfig } from "../config/gateway-options.ts";

const withoutPlatform: Plugin = {
  name: "without-platform",
  setup(bundler) {
    bundler.onResolve({ filter: /^cloudflare:/ }, ({ path: name }) => ({
      path: name,
      namespace: "platform",
    }));
    bundler.onLoad({ filter: /.*/, namespace: "platform" }, () => ({
      contents: "module.exports = {};",
      loader: "js",
    }));
  },
};

/**
 * @param file the module whose default export is what `defineGateway` returned
 * @throws Error when it cannot be bundled, when it throws, or when its default export is no config
 */
export async function loadConfig(file: string): Promise<GatewayConfig> {
  const source = path.resolve(file);
  // Beside the config, so that its packages are found from there.
  const folder = await mkdtemp(path.join(path.dirname(source), ".sluice-config-"));
  try {
    const bundle = path.join(folder, "config.mjs");
    await build({
      entryPoints: [source],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      plugins: [withoutPlatform],
      logLevel: "silent",
    });
    const loaded: unknown = await import(pathToFileURL(bundle).href);
    const config = isModule(loaded) ? loaded.default : undefined;
    if (isConfig(config)) return config;
    throw new Error(`${file} must export what defineGateway() returns, as its default export`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isModule(value: unknown): value is { readonly default?: unknown } {
  return typeof value === "object" && value !== null;
}

/** `defineGateway` has checked it: it is only told apart from something else. */
function isConfig(value: unknown): value is GatewayConfig {
  return typeof value === "object" && value !== null && "sources" in value && value.sources instanceof Map;
}
