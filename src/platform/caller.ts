/**
 * Who counts as one caller before anybody has proven anything: the address, or in IPv6 the network, that a request comes
 * from. The platform sets the header itself; behind no platform all are one caller.
 */
const ADDRESS_HEADER = "cf-connecting-ip";
/** A whole IPv6 /64 is one subscriber's. */
const IPV6_GROUPS = 4;
/** An IPv4 address in IPv6's clothes: https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5 */
const MAPPED_IPV4 = /^(?:0{0,4}:){2,6}(?:ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** @returns `203.0.113.7`, or `2001:db8:0:1::/64` */
export function callerOf(headers: Headers): string {
  const address = headers.get(ADDRESS_HEADER) ?? "unknown";
  if (!address.includes(":")) return address;
  return MAPPED_IPV4.exec(address)?.[1] ?? networkOf(address);
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
