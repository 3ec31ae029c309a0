/** Fetches a body that ingest left in R2, and proves it by the digest in its envelope before anyone reads it. */
import { failure } from "../core/failure.ts";
import { decodeJsonText } from "../core/json-text.ts";
import { err, messageOf, ok } from "../core/result.ts";
import type { BodyStore } from "../platform/stored-bodies.ts";
import type { LoadBody } from "./ports.ts";

export function createBodyLoader(bucket: Pick<BodyStore, "get">): LoadBody {
  return async ({ key, sha256 }) => {
    try {
      const object = await bucket.get(key);
      if (object === null) return err(failure("parse", "transient", "body_missing", `no object ${key}`));
      const bytes = await object.arrayBuffer();
      if ((await sha256Hex(bytes)) !== sha256) {
        return err(failure("parse", "permanent", "body_changed", `object ${key} is not what was accepted`));
      }
      return ok(decodeJsonText(new Uint8Array(bytes)));
    } catch (thrown) {
      return err(failure("parse", "transient", "body_unreadable", messageOf(thrown)));
    }
  };
}

async function sha256Hex(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
