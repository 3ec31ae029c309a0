-- What operators find events by. One row per event; `summary` is all that is known of it, the other columns are what
-- queries need. Every index is a row written per event, so there are few: by time, customer, delivery id; and one that only
-- exceptions (dead, review, expired) pay for. A partition's events are a range of the key: ids begin with its name.
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  exception INTEGER NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  customer TEXT NOT NULL,
  dedupe_key TEXT NOT NULL,
  code TEXT NOT NULL,
  late INTEGER NOT NULL,
  received_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  summary TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX events_by_time ON events (received_at_ms);
CREATE INDEX events_by_customer ON events (customer, received_at_ms);
CREATE INDEX events_by_delivery ON events (dedupe_key, source);
CREATE INDEX events_by_exception ON events (state, received_at_ms) WHERE exception = 1;

-- What ended in each minute. `h0` … `h11` count times from acceptance to end by the bounds in src/core/latency-histogram.ts.
CREATE TABLE rollups (
  minute_ms INTEGER NOT NULL,
  source TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  state TEXT NOT NULL,
  code TEXT NOT NULL,
  ended INTEGER NOT NULL,
  late INTEGER NOT NULL,
  retried INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  model_calls INTEGER NOT NULL,
  model_cached INTEGER NOT NULL,
  model_ms INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL,
  h0 INTEGER NOT NULL,
  h1 INTEGER NOT NULL,
  h2 INTEGER NOT NULL,
  h3 INTEGER NOT NULL,
  h4 INTEGER NOT NULL,
  h5 INTEGER NOT NULL,
  h6 INTEGER NOT NULL,
  h7 INTEGER NOT NULL,
  h8 INTEGER NOT NULL,
  h9 INTEGER NOT NULL,
  h10 INTEGER NOT NULL,
  h11 INTEGER NOT NULL,
  PRIMARY KEY (minute_ms, source, pipeline, state, code)
) WITHOUT ROWID;
