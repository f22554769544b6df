-- What was measured on an attempt, the picture that came of it, and what is delivered since when.

ALTER TABLE photo ADD COLUMN room TEXT;
ALTER TABLE attempt ADD COLUMN parameters TEXT;
ALTER TABLE attempt ADD COLUMN master TEXT;
ALTER TABLE attempt ADD COLUMN judgement TEXT;

CREATE TABLE version (
    job INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER,
    cause TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (job, position, kind, number),
    FOREIGN KEY (job, position, kind) REFERENCES operation (job, position, kind),
    FOREIGN KEY (job, position, kind, attempt) REFERENCES attempt (job, position, kind, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER version_stays BEFORE UPDATE ON version
BEGIN
    SELECT RAISE(ABORT, 'versions are append-only');
END;

CREATE TRIGGER version_remains BEFORE DELETE ON version
BEGIN
    SELECT RAISE(ABORT, 'versions are append-only');
END;
