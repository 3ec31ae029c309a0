-- Tokens of the operator API. Only hashes: a token is shown once, when it is made.
CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  hash TEXT NOT NULL,
  -- The secret before the last rotation, still accepted until then.
  previous_hash TEXT,
  previous_until_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_ms INTEGER,
  revoked_at_ms INTEGER
) WITHOUT ROWID;

-- Every call that changes something: written before it is done, with its outcome added after. No outcome: nobody knows.
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  operation TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL,
  status INTEGER,
  outcome TEXT
) WITHOUT ROWID;

CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_target ON audit (target, at_ms);
