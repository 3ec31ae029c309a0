-- The token that made this one: a revocation ends both. NULL: made with a token from a secret, or before this column was.
ALTER TABLE api_tokens ADD COLUMN parent_id TEXT;

-- Sessions of the dashboard that were logged out of, until they would have ended by themselves. The id is a hash.
CREATE TABLE ended_sessions (
  id TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) WITHOUT ROWID;
