-- The tables of the first release. Statements are shared with Postgres: only the column types differ.
-- Identifiers are 16 bytes, timestamps microseconds since 1970 (UTC), lists and limits JSON text.

CREATE TABLE organisations (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    limits TEXT NOT NULL,
    models TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    id BLOB PRIMARY KEY NOT NULL,
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    limits TEXT NOT NULL,
    models TEXT,
    is_default INTEGER NOT NULL DEFAULT FALSE,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

-- A deleted project keeps its row, because usage names it, but frees its name.
CREATE UNIQUE INDEX projects_name ON projects (organisation_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX projects_default ON projects (organisation_id) WHERE is_default;

CREATE TABLE keys (
    id BLOB PRIMARY KEY NOT NULL,
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    models TEXT,
    limits TEXT NOT NULL,
    expires_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE INDEX keys_organisation ON keys (organisation_id, created_at);
CREATE INDEX keys_project ON keys (project_id);

CREATE TABLE key_secrets (
    hash BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    key_id BLOB NOT NULL REFERENCES keys (id),
    display TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    grace_until INTEGER,
    calls INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0)
) STRICT;

-- At most two live secrets a key: the newest, and the one before it until its grace ends.
CREATE UNIQUE INDEX key_secrets_newest ON key_secrets (key_id) WHERE grace_until IS NULL;
CREATE UNIQUE INDEX key_secrets_previous ON key_secrets (key_id) WHERE grace_until IS NOT NULL;

CREATE TABLE budgets (
    id BLOB PRIMARY KEY NOT NULL,
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('organisation', 'project', 'key')),
    scope_id BLOB NOT NULL,
    unit TEXT NOT NULL,
    period TEXT NOT NULL,
    period_start INTEGER NOT NULL,
    amount INTEGER CHECK (amount >= 0),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    leased INTEGER NOT NULL DEFAULT 0 CHECK (leased >= 0),
    created_at INTEGER NOT NULL,
    UNIQUE (scope_id, unit, period, period_start)
) STRICT;

CREATE TABLE adjustments (
    id BLOB PRIMARY KEY NOT NULL,
    budget_id BLOB NOT NULL REFERENCES budgets (id),
    amount INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX adjustments_budget ON adjustments (budget_id);

-- Events, rollups and refusals reference nothing: what happened is booked, whatever became of its key.
CREATE TABLE events (
    id BLOB PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
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
    is_stream INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    total_tokens INTEGER NOT NULL CHECK (total_tokens >= 0),
    cached_tokens INTEGER NOT NULL CHECK (cached_tokens >= 0),
    reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    held_tokens INTEGER NOT NULL CHECK (held_tokens >= 0),
    is_suspicious INTEGER NOT NULL,
    is_disconnected INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    budgets TEXT NOT NULL
) STRICT;

CREATE INDEX events_organisation ON events (organisation_id, at, id);
CREATE INDEX events_key ON events (key_id, at, id);

CREATE TABLE rollups_hourly (
    organisation_id BLOB NOT NULL,
    project_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    model TEXT NOT NULL,
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    errors INTEGER NOT NULL CHECK (errors >= 0),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    total_tokens INTEGER NOT NULL CHECK (total_tokens >= 0),
    estimated_tokens INTEGER NOT NULL CHECK (estimated_tokens >= 0),
    interrupted_tokens INTEGER NOT NULL CHECK (interrupted_tokens >= 0),
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (organisation_id, project_id, key_id, model, hour)
) STRICT;

CREATE INDEX rollups_hourly_organisation ON rollups_hourly (organisation_id, hour);
CREATE INDEX rollups_hourly_project ON rollups_hourly (project_id, hour);
CREATE INDEX rollups_hourly_key ON rollups_hourly (key_id, hour);

CREATE TABLE refusals_hourly (
    organisation_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    hour INTEGER NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (organisation_id, key_id, hour, code)
) STRICT;

CREATE TABLE changes (
    id INTEGER PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- One row whose lock orders the ids of changes by commit; a sequence would not.
CREATE TABLE changes_head (
    n INTEGER NOT NULL
) STRICT;

INSERT INTO changes_head (n) VALUES (0);
