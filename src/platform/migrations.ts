/**
 * Numbered migrations of an object's SQLite tables. Each runs once, in order, in one transaction with the
 * note that it ran; a released migration is never edited.
 */

export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
}

/** Brings the database to the newest version. Throws when it was written by a newer program: never guess. */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  const { sql } = storage;
  sql.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)");
  const row = sql
    .exec<{ version: number | null }>("SELECT MAX(version) AS version FROM schema_version")
    .one();
  const current = row.version ?? 0;
  const newest = migrations.at(-1)?.version ?? 0;
  if (current > newest) throw new Error(`stored schema ${current} is newer than this program's ${newest}`);
  for (const migration of migrations.filter((candidate) => candidate.version > current)) {
    storage.transactionSync(() => {
      for (const statement of migration.statements) sql.exec(statement);
      sql.exec("INSERT INTO schema_version (version) VALUES (?)", migration.version);
    });
  }
}
