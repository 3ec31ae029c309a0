-- Partitions that a driver left with open work. The sweep pokes what is overdue, so that a lost ring together with a
-- dropped alarm cannot strand anything.
CREATE TABLE open_partitions (
  partition TEXT PRIMARY KEY,
  due_at_ms INTEGER NOT NULL,
  reported_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX open_partitions_due ON open_partitions (due_at_ms);
