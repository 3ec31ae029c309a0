-- Replays of history, driven by the cron. Whoever drives one holds it for a while; every write names the holder.
CREATE TABLE replays (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  holder TEXT NOT NULL,
  held_until_ms INTEGER NOT NULL,
  job TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX replays_by_time ON replays (created_at_ms);
CREATE INDEX replays_running ON replays (created_at_ms) WHERE status = 'running';
