/** Opaque cursors: a position as text. Whoever makes one up gets another page, never more than a page. */
import * as z from "zod";
import { err, ok, type Result } from "../core/result.ts";
import type { LedgerPosition } from "./port.ts";

const cursorSchema = z.tuple([z.literal(1), z.int(), z.string().max(200)]);

export function encodeCursor({ atMs, id }: LedgerPosition): string {
  return btoa(JSON.stringify([1, atMs, id]))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

export function decodeCursor(text: string): Result<LedgerPosition, "invalid"> {
  try {
    const json = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const parsed = cursorSchema.safeParse(JSON.parse(json));
    if (!parsed.success) return err("invalid");
    const [, atMs, id] = parsed.data;
    return ok({ atMs, id });
  } catch {
    return err("invalid");
  }
}
