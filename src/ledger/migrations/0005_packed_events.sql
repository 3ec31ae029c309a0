-- Successes of one minute of acceptance, many to a row, where the config wants them packed: a row or two per batch of
-- messages instead of four per event.
CREATE TABLE packed_events (
  minute_ms INTEGER NOT NULL,
  pack TEXT NOT NULL,
  summaries TEXT NOT NULL,
  PRIMARY KEY (minute_ms, pack)
) WITHOUT ROWID;
