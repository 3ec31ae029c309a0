/** The Worker: entry points and Durable Object classes. Nothing else lives here. */
import config from "../config/gateway.config.ts";
import { createGateway, createStreamObject } from "./gateway.ts";

export { GuardObject } from "./guard/guard-object.ts";
export { StreamIndexObject } from "./streaming/index-object.ts";
export { PartitionObject } from "./partition/partition-object.ts";

/** Calls models, so it knows the config. */
export class StreamObject extends createStreamObject(config) {}

export default createGateway(config);
