/** A breaker's phase in a word. */

export function Phase({ phase }: { readonly phase: string | null }) {
  if (phase === null) return <span class="badge warn">not reachable</span>;
  const tone = phase === "closed" ? "good" : phase === "open" ? "bad" : "warn";
  return <span class={`badge ${tone}`}>{`breaker ${phase}`}</span>;
}
