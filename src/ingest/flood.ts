/**
 * Flood protection through the platform's Rate Limiting binding: who counts as one caller, and the binding as a
 * question. Nobody has proven anything yet when it is asked, so callers are told apart by the address they come from:
 * whoever floods a source with forgeries shuts out that address there, and nobody else.
 */

/** true: go on. */
export type Admit = (key: string) => Promise<boolean>;

const ADDRESS_HEADER = "cf-connecting-ip";
/** A whole IPv6 /64 is one subscriber's. */
const IPV6_GROUPS = 4;

/** One counter per source and address. The platform sets the header itself; behind no platform all are one caller. */
export function floodKey(sourceName: string, headers: Headers): string {
  const address = headers.get(ADDRESS_HEADER) ?? "unknown";
  return `${sourceName} ${address.includes(":") ? networkOf(address) : address}`;
}

/** The first 64 bits of an IPv6 address, in one spelling. */
function networkOf(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? 0 : tail.split(":").length;
    while (groups.length + last < 8 && groups.length < IPV6_GROUPS) groups.push("0");
    groups.push(...tail.split(":"));
  }
  const network = groups.slice(0, IPV6_GROUPS).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}

/** undefined where the binding is not there: then nothing is limited. */
export function createFloodLimit(binding: unknown): Admit | undefined {
  if (!isRateLimit(binding)) return undefined;
  return async (key) => (await binding.limit({ key })).success;
}

function isRateLimit(binding: unknown): binding is RateLimit {
  return typeof binding === "object" && binding !== null && "limit" in binding;
}
