-- The tables of the first release. Statements are shared with SQLite: only the column types differ.

CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    status text NOT NULL CHECK (status IN ('active', 'suspended')),
    limits jsonb NOT NULL,
    models jsonb,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    limits jsonb NOT NULL,
    models jsonb,
    is_default boolean NOT NULL DEFAULT FALSE,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);

-- A deleted project keeps its row, because usage names it, but frees its name.
CREATE UNIQUE INDEX projects_name ON projects (organisation_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX projects_default ON projects (organisation_id) WHERE is_default;

CREATE TABLE keys (
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    project_id uuid NOT NULL REFERENCES projects (id),
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'disabled')),
    models jsonb,
    limits jsonb NOT NULL,
    expires_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);

CREATE INDEX keys_organisation ON keys (organisation_id, created_at);
CREATE INDEX keys_project ON keys (project_id);

CREATE TABLE key_secrets (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    key_id uuid NOT NULL REFERENCES keys (id),
    display text NOT NULL,
    created_at timestamptz NOT NULL,
    grace_until timestamptz,
    calls bigint NOT NULL DEFAULT 0 CHECK (calls >= 0)
);

-- At most two live secrets a key: the newest, and the one before it until its grace ends.
CREATE UNIQUE INDEX key_secrets_newest ON key_secrets (key_id) WHERE grace_until IS NULL;
CREATE UNIQUE INDEX key_secrets_previous ON key_secrets (key_id) WHERE grace_until IS NOT NULL;

CREATE TABLE budgets (
    id uuid PRIMARY KEY,
    scope_kind text NOT NULL CHECK (scope_kind IN ('organisation', 'project', 'key')),
    scope_id uuid NOT NULL,
    unit text NOT NULL,
    period text NOT NULL,
    period_start timestamptz NOT NULL,
    amount bigint CHECK (amount >= 0),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    leased bigint NOT NULL DEFAULT 0 CHECK (leased >= 0),
    created_at timestamptz NOT NULL,
    UNIQUE (scope_id, unit, period, period_start)
);

CREATE TABLE adjustments (
    id uuid PRIMARY KEY,
    budget_id uuid NOT NULL REFERENCES budgets (id),
    amount bigint NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX adjustments_budget ON adjustments (budget_id);

-- Events, rollups and refusals reference nothing: what happened is booked, whatever became of its key.
CREATE TABLE events (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    secret_hash bytea,
    provider text NOT NULL,
    model text NOT NULL,
    upstream_model text NOT NULL,
    endpoint text NOT NULL,
    status integer NOT NULL,
    code text,
    source text NOT NULL,
    is_stream boolean NOT NULL,
    requests bigint NOT NULL CHECK (requests >= 0),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    total_tokens bigint NOT NULL CHECK (total_tokens >= 0),
    cached_tokens bigint NOT NULL CHECK (cached_tokens >= 0),
    reasoning_tokens bigint NOT NULL CHECK (reasoning_tokens >= 0),
    cost_nano bigint NOT NULL CHECK (cost_nano >= 0),
    held_tokens bigint NOT NULL CHECK (held_tokens >= 0),
    is_suspicious boolean NOT NULL,
    is_disconnected boolean NOT NULL,
    duration_ms bigint NOT NULL,
    first_token_ms bigint,
    budgets jsonb NOT NULL
);

CREATE INDEX events_organisation ON events (organisation_id, at, id);
CREATE INDEX events_key ON events (key_id, at, id);

CREATE TABLE rollups_hourly (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    hour timestamptz NOT NULL,
    requests bigint NOT NULL CHECK (requests >= 0),
    errors bigint NOT NULL CHECK (errors >= 0),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    total_tokens bigint NOT NULL CHECK (total_tokens >= 0),
    estimated_tokens bigint NOT NULL CHECK (estimated_tokens >= 0),
    interrupted_tokens bigint NOT NULL CHECK (interrupted_tokens >= 0),
    cost_nano bigint NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (organisation_id, project_id, key_id, model, hour)
);

CREATE INDEX rollups_hourly_organisation ON rollups_hourly (organisation_id, hour);
CREATE INDEX rollups_hourly_project ON rollups_hourly (project_id, hour);
CREATE INDEX rollups_hourly_key ON rollups_hourly (key_id, hour);

CREATE TABLE refusals_hourly (
    organisation_id uuid NOT NULL,
    key_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    code text NOT NULL,
    count bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (organisation_id, key_id, hour, code)
);

CREATE TABLE changes (
    id bigint PRIMARY KEY,
    kind text NOT NULL,
    subject uuid NOT NULL,
    at timestamptz NOT NULL
);

-- One row whose lock orders the ids of changes by commit; a sequence would not.
CREATE TABLE changes_head (
    n bigint NOT NULL
);

INSERT INTO changes_head (n) VALUES (0);
