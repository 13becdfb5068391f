-- The last refusals of each key, a hundred at most: what its owner looks at when calls fail.

CREATE TABLE last_refusals (
    key_id BLOB NOT NULL,
    id BLOB NOT NULL,
    organisation_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    scope TEXT,
    rule TEXT,
    amount INTEGER,
    frees_at INTEGER,
    PRIMARY KEY (key_id, id)
) STRICT, WITHOUT ROWID;
