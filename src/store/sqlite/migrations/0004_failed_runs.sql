-- Failed runs in a row, apart from calls that came to nothing: a run that is handed over well ends a row of
-- those, and can still fail.

ALTER TABLE job ADD COLUMN failed_runs INTEGER NOT NULL DEFAULT 0;
