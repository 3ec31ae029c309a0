-- Reviews are listed by how long they wait, not by when they were accepted. A row more per exception, none per success.
CREATE INDEX events_by_waiting ON events (state, ended_at_ms) WHERE exception = 1;
