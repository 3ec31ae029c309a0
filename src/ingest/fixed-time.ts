/** Equality of digests in a time that depends on their length alone. */

/** For equal-length digests: the length is public. */
export function isEqualInFixedTime(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}

/** Of texts, by their digests: neither length nor place of the first difference shows. */
export async function isSameSecret(left: string, right: string): Promise<boolean> {
  const [leftDigest, rightDigest] = await Promise.all([digestOf(left), digestOf(right)]);
  return isEqualInFixedTime(leftDigest, rightDigest);
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
