-- Counts come in parts, one per telemetry batch; a fold joins those of a minute into one row and adds them to the totals.
CREATE TABLE metric_parts (
  minute_ms INTEGER NOT NULL,
  part TEXT NOT NULL,
  counts TEXT NOT NULL,
  PRIMARY KEY (minute_ms, part)
) WITHOUT ROWID;

CREATE TABLE metric_minutes (
  minute_ms INTEGER PRIMARY KEY,
  counts TEXT NOT NULL
);

-- One row. `fold` names the fold that wrote it, so that two folds at once cannot both count.
CREATE TABLE metric_totals (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  fold TEXT NOT NULL,
  counts TEXT NOT NULL
);

INSERT INTO metric_totals (id, fold, counts) VALUES (1, '', '{"counters":{},"histograms":{}}');

-- Gauges, once a minute.
CREATE TABLE metric_samples (
  minute_ms INTEGER PRIMARY KEY,
  sample TEXT NOT NULL
);

-- What partitions with open work, or paused ones, said when they were last asked.
CREATE TABLE partition_survey (
  partition TEXT PRIMARY KEY,
  surveyed_at_ms INTEGER NOT NULL,
  open_events INTEGER NOT NULL,
  oldest_open_at_ms INTEGER,
  paused_since_ms INTEGER
) WITHOUT ROWID;
