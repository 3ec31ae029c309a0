/**
 * Words for what went wrong that hold no payload: schema issues by path, errors by name and place. Messages
 * of errors are left out, because they quote what they choked on (`JSON.parse` does).
 */
import type * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { stripInvisible } from "../core/prompt-safety.ts";

const MAX_SEGMENT_CHARACTERS = 64;

/** `amount: invalid_type (number), items.0.id: too_small`. Never a value. */
export function describeIssues(error: z.ZodError): string {
  const named = error.issues.slice(0, LIMITS.stages.maxIssues).map((issue) => {
    const expected = issue.code === "invalid_type" ? ` (${issue.expected})` : "";
    return `${describePath(issue.path)}: ${issue.code}${expected}`;
  });
  const more = error.issues.length - named.length;
  return more > 0 ? `${named.join(", ")}, and ${more} more` : named.join(", ");
}

function describePath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "(root)";
  return path.map((segment) => stripInvisible(String(segment)).slice(0, MAX_SEGMENT_CHARACTERS)).join(".");
}

/** The error's name and where it was thrown. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `threw a ${typeof thrown}`;
  const place = firstFrame(thrown);
  return place === null ? thrown.name : `${thrown.name} ${place}`;
}

/** A stack begins with the message, which may itself look like frames: it is skipped first. */
function firstFrame(error: Error): string | null {
  const stack = error.stack ?? "";
  const from = stack.indexOf(error.message);
  const frames = from < 0 ? "" : stack.slice(from + error.message.length);
  return /^\s+(at .+)$/m.exec(frames)?.[1] ?? null;
}
