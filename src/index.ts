/** The Worker: entry points and Durable Object classes. Nothing else lives here. */
import config from "../config/gateway.config.ts";
import { createGateway } from "./gateway.ts";

export { GuardObject } from "./guard/guard-object.ts";
export { PartitionObject } from "./partition/partition-object.ts";

export default createGateway(config);
