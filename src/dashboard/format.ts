/** Numbers and times as people read them. Pure; English, UTC. */

const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function formatCount(count: number): string {
  return NUMBER.format(count);
}

export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / SECOND_MS)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} h`;
  return `${Math.round(ms / DAY_MS)} d`;
}

export function formatRelative(atMs: number, nowMs: number): string {
  const distanceMs = nowMs - atMs;
  if (Math.abs(distanceMs) < SECOND_MS) return "just now";
  const length = formatDuration(Math.floor(Math.abs(distanceMs) / SECOND_MS) * SECOND_MS).replace(
    ".0 s",
    " s",
  );
  return distanceMs > 0 ? `${length} ago` : `in ${length}`;
}

/** To the second. What is no time is said to be none. */
export function formatExact(atMs: number): string {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return "unknown";
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Millionths of a US dollar. */
export function formatCost(micros: number): string {
  const dollars = micros / 1_000_000;
  if (dollars === 0) return "$0";
  if (dollars >= 1_000) return `$${NUMBER.format(Math.round(dollars))}`;
  return `$${dollars >= 1 ? dollars.toFixed(2) : Number(dollars.toPrecision(2)).toString()}`;
}

export function formatShare(share: number): string {
  if (share === 0) return "0 %";
  return share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(1)} %`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${NUMBER.format(bytes / 1_000)} kB`;
  return bytes < 1e9 ? `${NUMBER.format(bytes / 1_000_000)} MB` : `${NUMBER.format(bytes / 1e9)} GB`;
}

/** `datetime-local` fields have no zone: the form says that it is UTC. */
export function parseUtcField(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}
