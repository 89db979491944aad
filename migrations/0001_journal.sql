-- The log: one row per event, never changed, never removed. A row's hash covers every other
-- column and the hash before it, so a changed row breaks the chain from there on.
CREATE TABLE log (
    seq         INTEGER PRIMARY KEY, -- 1, 2, 3 … without a gap; alone gives the order
    recorded_at INTEGER NOT NULL,    -- our clock as read, in UTC microseconds; it may step
    occurred_at INTEGER,             -- the cloud's time, in UTC microseconds
    kind        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    subject     TEXT NOT NULL,       -- the id that the event is about
    key         BLOB,                -- 16 bytes: the natural key that makes an append idempotent
    body        TEXT NOT NULL,       -- JSON as it was written; never serialised again
    body_hash   BLOB NOT NULL,
    prev_hash   BLOB NOT NULL,
    hash        BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_key ON log (key) WHERE key IS NOT NULL;

CREATE TRIGGER log_refuses_update BEFORE UPDATE ON log
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a row cannot be changed');
END;

CREATE TRIGGER log_refuses_delete BEFORE DELETE ON log
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a row cannot be removed');
END;

-- What is known of the file itself: exactly one row.
CREATE TABLE meta (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)), -- 1: the events come from a simulated cloud
    clean     INTEGER NOT NULL CHECK (clean IN (0, 1))      -- 1: the last writer closed it in good order
) STRICT;

INSERT INTO meta (one, simulated, clean) VALUES (1, 0, 0);

-- The state folded up to one row of the log. It is disposable: the log alone is the truth.
CREATE TABLE checkpoint (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    seq     INTEGER NOT NULL,
    head    BLOB NOT NULL,
    fold_id TEXT NOT NULL,
    digest  BLOB NOT NULL, -- covers all the other columns
    bytes   BLOB NOT NULL
) STRICT;
