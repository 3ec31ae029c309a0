/** A gateway that knows every sender under `/in/<name>`, and does nothing with what it takes. */
import * as z from "zod";
import { defineGateway } from "../../src/config/define-gateway.ts";
import type { GatewayConfig } from "../../src/config/gateway-options.ts";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { defineSource } from "../../src/config/define-source.ts";
import { CATALOGUE } from "../senders/catalogue.ts";

export function everySenderConfig(): GatewayConfig {
  const nothing = definePipeline({
    name: "nothing",
    input: z.unknown(),
    deliver: [],
    format: () => ({ body: null }),
  });
  const sources = CATALOGUE.map(({ name, verify }) => {
    const source = defineSource({
      verify,
      events: { "*": z.unknown() },
      routes: (route) => [route("*", nothing)],
    });
    return [name, source] as const;
  });
  return defineGateway({ sources: Object.fromEntries(sources), models: {}, destinations: {} });
}
