/**
 * What all providers' builders share: where the endpoint is, which bindings hold its keys, and the definition's
 * common parts. Holds no secret: keys are named here and looked up when the env is known.
 */
import type { Budget } from "../config/budget.ts";
import { LIMITS } from "../config/limits.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import type { GuardLimits } from "../guard/port.ts";
import type { ReadEvent } from "./answer-events.ts";
import { answersOnly } from "./answer-stream.ts";
import { boundedFetch, type ResponseCaps } from "./bounded-fetch.ts";
import type { KeyHeader, ModelAccess, ModelDefinition, ModelPrice, ModelTimeouts } from "./port.ts";
import { listPrice } from "./prices.ts";

/** A URL, or `{ variable: "MODEL_BASE_URL" }`, which reads a variable, so that environments can differ. */
export type BaseUrl = string | { readonly variable: string };

export interface EndpointOptions {
  readonly model: string;
  /**
   * The binding that holds the API key, never the key. Several, while a key is rotated: the next one is tried
   * when the provider refuses one.
   */
  readonly apiKey?: string | readonly string[];
  /** The binding that holds the token of an authenticated AI Gateway in front of the provider. */
  readonly gatewayToken?: string;
  readonly limits?: GuardLimits;
  readonly timeouts?: Partial<ModelTimeouts>;
  /** Default: the list price, where the model's name tells it (`prices.ts`). */
  readonly price?: ModelPrice;
  /** What all calls of this model together may cost a day. */
  readonly budget?: Budget;
}

export interface Endpoint {
  readonly provider: string;
  readonly baseUrl: BaseUrl;
  readonly keyHeader: KeyHeader;
  readonly structuredOutput: boolean;
  readonly verbatim?: boolean;
  readonly create: ModelDefinition["create"];
}

export const RESPONSE_CAPS: ResponseCaps = {
  maxBytes: LIMITS.models.maxResponseBytes,
  maxErrorBytes: LIMITS.models.maxErrorBodyBytes,
};

const DEFAULT_TIMEOUTS: ModelTimeouts = {
  connectMs: LIMITS.models.connectTimeoutMs,
  firstTokenMs: LIMITS.models.firstTokenTimeoutMs,
  idleMs: LIMITS.models.idleTimeoutMs,
  totalMs: LIMITS.models.totalTimeoutMs,
};

/** @throws TypeError when a base URL that is written out cannot be called: a mistake in the config, found at load */
export function defineModel(options: EndpointOptions, endpoint: Endpoint): ModelDefinition {
  const { provider, baseUrl, keyHeader, structuredOutput, verbatim, create } = endpoint;
  const apiKeys = keysOf(options);
  if (typeof baseUrl === "string") resolveUrl(baseUrl, `${provider}: baseUrl`, hasSecret(options));
  const price = options.price ?? listPrice(options.model);
  const [firstKey, ...otherKeys] = apiKeys;
  const { gatewayToken } = options;
  return {
    provider,
    modelId: options.model,
    baseUrl,
    limits: options.limits ?? {},
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    structuredOutput,
    variables: [
      ...(typeof baseUrl === "string" ? [] : [baseUrl.variable]),
      ...(gatewayToken === undefined ? [] : [gatewayToken]),
    ],
    ...(firstKey === undefined ? {} : { apiKey: firstKey, keyHeader }),
    ...(otherKeys.length === 0 ? {} : { nextApiKeys: otherKeys }),
    ...(price === undefined ? {} : { price }),
    ...(options.budget === undefined ? {} : { budget: options.budget }),
    ...(verbatim === true ? { verbatim } : {}),
    create,
  };
}

/** What every AI SDK provider is created with. */
export function providerSettings(
  options: EndpointOptions,
  baseUrl: BaseUrl,
  access: ModelAccess,
  events?: () => ReadEvent,
) {
  const fetcher = boundedFetch(access.fetch, RESPONSE_CAPS);
  const gatewayToken = options.gatewayToken === undefined ? undefined : access.variable(options.gatewayToken);
  return {
    baseURL: baseUrlOf(options, baseUrl, access),
    fetch: events === undefined ? fetcher : answersOnly(fetcher, events),
    ...(gatewayToken === undefined ? {} : { headers: { "cf-aig-authorization": `Bearer ${gatewayToken}` } }),
  };
}

function baseUrlOf(options: EndpointOptions, baseUrl: BaseUrl, access: ModelAccess): string {
  if (typeof baseUrl === "string") return resolveUrl(baseUrl, "baseUrl", hasSecret(options));
  const { variable } = baseUrl;
  return resolveUrl(access.variable(variable) ?? "", variable, hasSecret(options));
}

function keysOf({ apiKey }: EndpointOptions): readonly string[] {
  if (apiKey === undefined) return [];
  return typeof apiKey === "string" ? [apiKey] : apiKey;
}

function hasSecret(options: EndpointOptions): boolean {
  return keysOf(options).length > 0 || options.gatewayToken !== undefined;
}

/** Plain http is for this machine, and for servers that take no key. */
function resolveUrl(text: string, name: string, isSecret: boolean): string {
  const checked = checkEndpointUrl(text, { allowPlainHttp: !isSecret });
  if (!checked.ok) throw new TypeError(`${name} ${checked.error}`);
  return checked.value.href;
}
