/**
 * What a deployer's `config/` imports as `#sluice`, and nothing else: `defineGateway` and the builders it takes.
 * The public surface; everything behind it may change.
 */
export { defineGateway, type GatewayOptions } from "./config/define-gateway.ts";
export { defineSource, type SourceOptions } from "./config/define-source.ts";
export { definePipeline, type PipelineOptions } from "./config/define-pipeline.ts";
export { httpDestination, queueDestination } from "./config/define-destination.ts";
export { openaiCompatible } from "./models/openai-compatible.ts";
export { custom, github, standardWebhooks, stripe } from "./ingest/senders.ts";
export { grounded, inRange, oneOf } from "./pipeline/checks.ts";
export { PermanentError } from "./pipeline/permanent-error.ts";
export { testPipeline } from "./pipeline/test-pipeline.ts";
