-- What is being watched, and the notices that still have to be sent: one row, guarded by its version.
CREATE TABLE alert_watch (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  outbox TEXT NOT NULL
);

INSERT INTO alert_watch (id, version, state, outbox) VALUES (1, 0, '{}', '[]');

-- Each minute's readings, for what is usual.
CREATE TABLE alert_minutes (
  minute_ms INTEGER PRIMARY KEY,
  readings TEXT NOT NULL
);

CREATE TABLE alert_incidents (
  incident TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  opened_at_ms INTEGER NOT NULL,
  resolved_at_ms INTEGER,
  threshold REAL NOT NULL,
  peak REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX alert_incidents_by_time ON alert_incidents (opened_at_ms);
