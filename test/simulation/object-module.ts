/**
 * Loads the real Durable Object class outside workerd, on a stand-in for the platform's base class. In vitest the
 * stand-in is an alias of the `core` project (`vitest.config.ts`).
 */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { EventId } from "../../src/core/ids.ts";
import type { EventView, PartitionStatus, RecallReply } from "../../src/core/partition/commands.ts";
import type { PartitionRpc } from "../../src/partition/client.ts";
import type { SimState } from "./sim-state.ts";

/** The object's methods as its class has them; over RPC all of them are asynchronous. */
export interface PartitionInstance extends Omit<PartitionRpc, "read" | "status" | "recall"> {
  read(id: EventId): EventView | null;
  status(): PartitionStatus;
  recall(id: EventId): RecallReply;
  alarm(): Promise<void>;
}

export type PartitionClass = new (state: SimState, env: object) => PartitionInstance;

const STAND_IN = new URL("./cloudflare-workers.ts", import.meta.url).href;
const OBJECT_FILE = fileURLToPath(new URL("../../src/partition/partition-object.ts", import.meta.url));

export async function loadPartitionClass(): Promise<PartitionClass> {
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === "cloudflare:workers"
        ? { url: STAND_IN, shortCircuit: true }
        : nextResolve(specifier, context),
  });
  // By its path: the Worker's own program checks this module's types, with the platform's in scope.
  const loaded = (await import(/* @vite-ignore */ OBJECT_FILE)) as { PartitionObject: PartitionClass };
  return loaded.PartitionObject;
}
