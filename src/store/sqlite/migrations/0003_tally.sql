-- What a job at rest contributes to the statistics, so that they are read from one short row a job.
-- Only a copy of what the other tables hold: every step of a job removes its row, and one that is
-- missing or of another form is made anew.

CREATE TABLE tally (
    job INTEGER PRIMARY KEY REFERENCES job (seq),
    form INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
