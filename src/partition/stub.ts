/** The way to a partition's object: by name, inside its jurisdiction. */
import { jurisdictionOf, type PartitionName } from "../core/ids.ts";
import type { PartitionRpc } from "./client.ts";

export type PartitionStub = DurableObjectStub & PartitionRpc;

/**
 * The binding as Sluice uses it. The platform's own generic type maps every argument and answer of every
 * method recursively, and gives up on JSON values.
 */
export interface PartitionNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): PartitionStub;
  jurisdiction(jurisdiction: "eu" | "us" | "fedramp"): PartitionNamespace;
}

/** A fresh stub for every call: after an error a stub stays broken. */
export function partitionStub(namespace: PartitionNamespace, partition: PartitionName): PartitionStub {
  const jurisdiction = jurisdictionOf(partition);
  const home = jurisdiction === "none" ? namespace : namespace.jurisdiction(jurisdiction);
  return home.get(home.idFromName(partition));
}
