/**
 * Sessions that were logged out of. A session is a sealed cookie, so a copy of one would open the dashboard until it ends;
 * what is noted here opens nothing. In the ledger, so that every isolate knows it.
 */
export interface EndedSessions {
  has(formKey: string): Promise<boolean>;
  /** @param untilMs the session has ended by itself by then, and is forgotten */
  add(formKey: string, untilMs: number, nowMs: number): Promise<void>;
}

/** A session is known by its form key, which no other has. Its hash alone is stored. */
export function createEndedSessions(database: D1Database): EndedSessions {
  return {
    async has(formKey) {
      const id = await idOf(formKey);
      return (await database.prepare("SELECT 1 FROM ended_sessions WHERE id = ?").bind(id).first()) !== null;
    },
    async add(formKey, untilMs, nowMs) {
      await database.batch([
        database
          .prepare("INSERT OR IGNORE INTO ended_sessions (id, until_ms) VALUES (?, ?)")
          .bind(await idOf(formKey), untilMs),
        database.prepare("DELETE FROM ended_sessions WHERE until_ms < ?").bind(nowMs),
      ]);
    },
  };
}

async function idOf(formKey: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(formKey));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
