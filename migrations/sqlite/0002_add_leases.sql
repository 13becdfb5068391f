-- Leases, and calls written down in a tenth of the space.

-- Processes that hold room of budgets, by their journal directory. A later epoch fences earlier ones.
CREATE TABLE instances (
    id BLOB PRIMARY KEY NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- budgets.leased is the sum of what is remaining in leases that are not closed.
CREATE TABLE leases (
    id BLOB PRIMARY KEY NOT NULL,
    budget_id BLOB NOT NULL REFERENCES budgets (id),
    instance_id BLOB NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'suspect', 'closed')),
    granted INTEGER NOT NULL CHECK (granted >= 0), -- in all
    returned INTEGER NOT NULL CHECK (returned >= 0), -- in all
    remaining INTEGER NOT NULL CHECK (remaining >= 0),
    held INTEGER NOT NULL CHECK (held >= 0), -- by calls in flight, when last heard
    unclaimed INTEGER NOT NULL CHECK (unclaimed >= 0), -- charged when it was closed, for events to come
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Without expires_at, which every heartbeat writes.
CREATE INDEX leases_budget ON leases (budget_id) WHERE state <> 'closed';
CREATE INDEX leases_state ON leases (state, id) WHERE state <> 'closed';

-- The lease whose closing this charged, or to whose charge an event laid claim.
ALTER TABLE adjustments ADD COLUMN lease_id BLOB;

-- What events that were deleted had charged.
CREATE TABLE budget_checkpoints (
    budget_id BLOB PRIMARY KEY NOT NULL REFERENCES budgets (id),
    amount INTEGER NOT NULL CHECK (amount >= 0)
) STRICT, WITHOUT ROWID;

-- What the calls of a day have in common, everything but their numbers. One row stands for many
-- events, which are then small. The digest is that of all other columns.
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    day INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    project_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    secret_hash BLOB,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    status INTEGER NOT NULL,
    code TEXT,
    source TEXT NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    is_stream INTEGER NOT NULL,
    is_suspicious INTEGER NOT NULL,
    is_disconnected INTEGER NOT NULL,
    budgets BLOB NOT NULL -- the ids of the budgets drawn from, 16 bytes each
) STRICT;

CREATE INDEX kinds_key ON kinds (key_id, day);

INSERT INTO kinds
SELECT rowid, id, at - at % 86400000000, organisation_id, project_id, key_id, secret_hash, provider,
    model, upstream_model, endpoint, status, code, source, requests, is_stream, is_suspicious,
    is_disconnected, unhex(budgets, '[]", -')
FROM events;

-- A call's organisation and beginning never change, so its id is as unique as with them.
CREATE TABLE numbers (
    organisation_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind_id INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    total_tokens INTEGER NOT NULL CHECK (total_tokens >= 0),
    cached_tokens INTEGER NOT NULL CHECK (cached_tokens >= 0),
    reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    held_tokens INTEGER NOT NULL CHECK (held_tokens >= 0),
    duration_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    PRIMARY KEY (organisation_id, at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO numbers
SELECT organisation_id, at, id, rowid, input_tokens, output_tokens, total_tokens, cached_tokens,
    reasoning_tokens, cost_nano, held_tokens, duration_ms, first_token_ms
FROM events;

DROP TABLE events;
ALTER TABLE numbers RENAME TO events;

-- By organisation and hour, as reports read it.
CREATE TABLE rollups (
    organisation_id BLOB NOT NULL,
    hour INTEGER NOT NULL,
    project_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    errors INTEGER NOT NULL CHECK (errors >= 0),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    total_tokens INTEGER NOT NULL CHECK (total_tokens >= 0),
    estimated_tokens INTEGER NOT NULL CHECK (estimated_tokens >= 0),
    interrupted_tokens INTEGER NOT NULL CHECK (interrupted_tokens >= 0),
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (organisation_id, hour, project_id, key_id, model)
) STRICT, WITHOUT ROWID;

INSERT INTO rollups
SELECT organisation_id, hour, project_id, key_id, model, requests, errors, input_tokens,
    output_tokens, total_tokens, estimated_tokens, interrupted_tokens, cost_nano
FROM rollups_hourly;

DROP TABLE rollups_hourly;
ALTER TABLE rollups RENAME TO rollups_hourly;

CREATE INDEX rollups_hourly_project ON rollups_hourly (project_id, hour);
CREATE INDEX rollups_hourly_key ON rollups_hourly (key_id, hour);
