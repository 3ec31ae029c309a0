/** The way to a partition's object: by name, inside its jurisdiction. */
import type { LocationHint } from "../core/homes.ts";
import { jurisdictionOf, type PartitionName } from "../core/ids.ts";
import type { PartitionRpc } from "./client.ts";

export type PartitionStub = DurableObjectStub & PartitionRpc;

/**
 * The binding as Sluice uses it. The platform's own generic type maps every argument and answer of every
 * method recursively, and gives up on JSON values.
 */
export interface PartitionNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: { readonly locationHint?: LocationHint }): PartitionStub;
  jurisdiction(jurisdiction: "eu" | "us" | "fedramp"): PartitionNamespace;
}

/** A fresh stub for every call: after an error a stub stays broken. */
export function partitionStub(
  namespace: PartitionNamespace,
  partition: PartitionName,
  /** Counts for the call that makes the object, and for no other. */
  locationHint?: LocationHint,
): PartitionStub {
  const jurisdiction = jurisdictionOf(partition);
  const home = jurisdiction === "none" ? namespace : namespace.jurisdiction(jurisdiction);
  const id = home.idFromName(partition);
  return locationHint === undefined ? home.get(id) : home.get(id, { locationHint });
}
