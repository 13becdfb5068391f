-- The last refusals of each key, a hundred at most: what its owner looks at when calls fail.

CREATE TABLE last_refusals (
    key_id uuid NOT NULL,
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    at timestamptz NOT NULL,
    code text NOT NULL,
    scope text,
    rule text,
    amount bigint,
    frees_at timestamptz,
    PRIMARY KEY (key_id, id)
);
