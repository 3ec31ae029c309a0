/** The Worker: its handlers and its Durable Object classes. */
import { createGateway, createStreamObject } from "sluice/worker";
import config from "./gateway.config.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "sluice/worker";

export class StreamObject extends createStreamObject(config) {}

export default createGateway(config);
