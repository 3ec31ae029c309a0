/**
 * The values that a gateway is given when it runs here: local secrets, a stand-in where a model is called, a receiver where a destination
 * is. Pure. `.dev.vars` always wins: a name that it sets is left alone.
 */
import type { DemoSecret } from "../../dev/senders/demo-secrets.ts";
import { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN, LOCAL_DELIVERY_SECRET } from "../../dev/lib/local-tokens.ts";
import type { GatewayConfig } from "../config/gateway-options.ts";

export interface LocalServers {
  /** The stand-in model's base URL, up to and with `/v1`. */
  readonly modelUrl: string;
  /** The receiver's origin. Each destination has a path there. */
  readonly sinkUrl: string;
}

/** One line of what will be called, as the start of `sluice dev` prints it. */
export interface Call {
  readonly what: "model" | "destination";
  readonly name: string;
  readonly address: string;
  readonly why: "stand-in" | "receiver" | ".dev.vars" | "config" | "queue";
}

export interface LocalValues {
  /** By binding. Holds no name that `.dev.vars` sets. */
  readonly values: ReadonlyMap<string, string>;
  readonly calls: readonly Call[];
}

/**
 * @param devVariables what `.dev.vars` sets
 * @param secrets what the sources verify with, by binding
 */
export function localValues(
  config: GatewayConfig,
  devVariables: Readonly<Record<string, string>>,
  secrets: ReadonlyMap<string, DemoSecret>,
  servers: LocalServers,
): LocalValues {
  const values = new Map<string, string>();
  const give = (binding: string, value: string) => {
    if (!(binding in devVariables)) values.set(binding, value);
  };
  const calls: Call[] = [];
  /** Gives the variable its local address, unless the config or `.dev.vars` has one. */
  const place = (
    call: Pick<Call, "what" | "name">,
    url: string | { readonly variable: string },
    local: { readonly address: string; readonly why: Call["why"] },
  ) => {
    if (typeof url === "string") {
      calls.push({ ...call, address: url, why: "config" });
      return;
    }
    const own = devVariables[url.variable];
    give(url.variable, local.address);
    calls.push(own === undefined ? { ...call, ...local } : { ...call, address: own, why: ".dev.vars" });
  };
  for (const { verify } of config.sources.values()) {
    for (const binding of verify.secrets) {
      const secret = secrets.get(binding);
      if (secret !== undefined) give(binding, secret.verifies);
    }
    for (const binding of verify.handshakeTokens ?? []) give(binding, LOCAL_VERIFY_TOKEN);
  }
  for (const [name, { baseUrl, apiKey }] of config.models) {
    if (baseUrl === undefined) continue;
    place({ what: "model", name }, baseUrl, { address: servers.modelUrl, why: "stand-in" });
    // A real model's key is the deployer's to give; the stand-in takes any.
    const isStandIn = typeof baseUrl !== "string" && !(baseUrl.variable in devVariables);
    if (isStandIn && apiKey !== undefined) give(apiKey, LOCAL_MODEL_KEY);
  }
  for (const [name, destination] of config.destinations) {
    if (destination.kind === "queue") {
      calls.push({ what: "destination", name, address: destination.binding, why: "queue" });
      continue;
    }
    place({ what: "destination", name }, destination.url, {
      address: `${servers.sinkUrl}/${name}`,
      why: "receiver",
    });
    give(destination.secret, LOCAL_DELIVERY_SECRET);
  }
  for (const binding of config.apiTokens.slice(0, 1)) give(binding, LOCAL_API_TOKEN);
  for (const binding of config.adminTokens.slice(0, 1)) give(binding, LOCAL_ADMIN_TOKEN);
  return { values, calls };
}

/** For a handshake that compares a token of the deployer's, as Meta's does. */
const LOCAL_VERIFY_TOKEN = "local-verify-token";
const LOCAL_MODEL_KEY = "local-model-key";
