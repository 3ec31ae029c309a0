/** Tokens in D1. Hashes alone are stored. */
import * as z from "zod";
import { SCOPES, type TokenRecord, type TokenStore } from "./port.ts";

const scopesSchema = z.array(z.enum(SCOPES));

const rowSchema = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.string(),
  hash: z.string(),
  previous_hash: z.nullable(z.string()),
  previous_until_ms: z.nullable(z.int()),
  created_at_ms: z.int(),
  created_by: z.string(),
  parent_id: z.nullable(z.string()),
  expires_at_ms: z.nullable(z.int()),
  revoked_at_ms: z.nullable(z.int()),
});

export function createTokenStore(database: D1Database): TokenStore {
  return {
    async find(id) {
      const row = await database.prepare("SELECT * FROM api_tokens WHERE id = ?").bind(id).first();
      return row === null ? null : recordOf(row);
    },
    async list() {
      const found = await database.prepare("SELECT * FROM api_tokens ORDER BY created_at_ms DESC, id").all();
      return found.results.map(recordOf);
    },
    async create(token) {
      // One statement: a revocation of the parent comes before it, or finds the child.
      const { meta } = await database
        .prepare(
          `INSERT INTO api_tokens (id, name, scopes, hash, created_at_ms, created_by, expires_at_ms, parent_id)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
           WHERE ?8 IS NULL OR EXISTS (SELECT 1 FROM api_tokens WHERE id = ?8 AND revoked_at_ms IS NULL)`,
        )
        .bind(
          token.id,
          token.name,
          token.scopes.join(" "),
          token.hash,
          token.createdAtMs,
          token.createdBy,
          token.expiresAtMs,
          token.parentId,
        )
        .run();
      return meta.changes > 0;
    },
    async rotate(id, { hash, previousHash, previousUntilMs }) {
      await database
        .prepare("UPDATE api_tokens SET hash = ?2, previous_hash = ?3, previous_until_ms = ?4 WHERE id = ?1")
        .bind(id, hash, previousHash, previousUntilMs)
        .run();
    },
    async revoke(id, atMs) {
      await database
        .prepare(
          `WITH RECURSIVE family (id) AS (
             SELECT ?1 UNION SELECT made.id FROM api_tokens AS made JOIN family ON made.parent_id = family.id)
           UPDATE api_tokens SET revoked_at_ms = ?2
           WHERE id IN (SELECT id FROM family) AND revoked_at_ms IS NULL`,
        )
        .bind(id, atMs)
        .run();
    },
  };
}

function recordOf(value: unknown): TokenRecord {
  const row = rowSchema.parse(value);
  return {
    id: row.id,
    name: row.name,
    scopes: scopesSchema.parse(row.scopes.split(" ")),
    hash: row.hash,
    previousHash: row.previous_hash,
    previousUntilMs: row.previous_until_ms,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    parentId: row.parent_id,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}
