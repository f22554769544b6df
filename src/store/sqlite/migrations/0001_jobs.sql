-- Times are milliseconds since 1970-01-01 UTC. `job.seq` keeps the order of creation and is the
-- short key of everything that belongs to a job, so that one job's rows lie together.

CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    out TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    style TEXT NOT NULL,
    provider TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    due INTEGER,
    problem TEXT,
    faults INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    photos INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    produced INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    gave_up INTEGER NOT NULL,
    skipped INTEGER NOT NULL
) STRICT;

CREATE INDEX job_by_key ON job (key, ordinal);
-- Carries every column that sums and selections by state read, so that they never visit the rows.
CREATE INDEX job_by_state ON job (
    state, seq, due, photos, pending, produced, accepted, rejected, gave_up, skipped
);

CREATE TABLE photo (
    job INTEGER NOT NULL REFERENCES job (seq),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (job, position),
    UNIQUE (job, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    job INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    executor TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    reason TEXT,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (job, position, kind),
    FOREIGN KEY (job, position) REFERENCES photo (job, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    job INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    image TEXT,
    failure TEXT,
    verdict TEXT,
    clip_score REAL,
    seconds REAL NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (job, position, kind, number),
    FOREIGN KEY (job, position, kind) REFERENCES operation (job, position, kind)
) STRICT, WITHOUT ROWID;

-- "order" is a word of SQL.
CREATE TABLE run (
    job INTEGER NOT NULL REFERENCES job (seq),
    number INTEGER NOT NULL,
    run_id TEXT NOT NULL UNIQUE,
    executor TEXT NOT NULL,
    parent TEXT,
    photos INTEGER NOT NULL,
    remote TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE asset (
    job INTEGER NOT NULL REFERENCES job (seq),
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    blake3 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (job, kind, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES job (seq),
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_job ON event (job, seq);

CREATE TRIGGER event_stays BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TRIGGER event_remains BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TABLE lease (
    job INTEGER PRIMARY KEY REFERENCES job (seq),
    host TEXT NOT NULL,
    process INTEGER NOT NULL,
    token TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE TABLE destination (
    path TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL
) STRICT, WITHOUT ROWID;
