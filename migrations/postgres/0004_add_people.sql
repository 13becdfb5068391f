-- People and what they may do, how they prove themselves, and what was changed by whom.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE, -- in lower case
    name text NOT NULL,
    password text, -- an Argon2id hash; none before the first link is used
    is_operator boolean NOT NULL DEFAULT FALSE,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE memberships (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
);

CREATE INDEX memberships_user ON memberships (user_id);

-- The cookie's secret is known by its hash alone.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id uuid NOT NULL REFERENCES users (id),
    address text,
    agent text,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);

-- From where people signed in before: strangers who guess at their password do not keep them out.
CREATE TABLE known_addresses (
    user_id uuid NOT NULL REFERENCES users (id),
    address text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, address)
);

-- Links that work once: to set up the first operator, to sign in, to choose a new password.
CREATE TABLE links (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    purpose text NOT NULL CHECK (purpose IN ('set_up', 'sign_in', 'reset')),
    user_id uuid REFERENCES users (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX links_user ON links (user_id);

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    email text NOT NULL, -- in lower case
    role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX invitations_organisation ON invitations (organisation_id);

-- Management tokens: of an organisation with a role, or of the operator without either.
CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    organisation_id uuid REFERENCES organisations (id),
    role text CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    name text NOT NULL,
    display text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CHECK ((organisation_id IS NULL) = (role IS NULL))
);

CREATE INDEX tokens_organisation ON tokens (organisation_id);

-- The user or token whose key it is; none for those of the command line.
ALTER TABLE keys ADD COLUMN owner_id uuid;

-- Who made it, as people know them.
ALTER TABLE keys ADD COLUMN created_by text NOT NULL DEFAULT 'command line';

-- What keys are searched by, in lower case: the name, and what is shown of the newest secret.
ALTER TABLE keys ADD COLUMN search text NOT NULL DEFAULT '';

UPDATE keys SET search = LOWER(name) || ' ' || COALESCE((SELECT LOWER(s.display) FROM key_secrets s
    WHERE s.key_id = keys.id AND s.grace_until IS NULL), '');

CREATE INDEX keys_owner ON keys (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX keys_name ON keys (organisation_id, name, id);

-- What lists of keys are sorted by: one row a key, beside it, so that its use never writes the key.
CREATE TABLE key_uses (
    key_id uuid PRIMARY KEY REFERENCES keys (id),
    organisation_id uuid NOT NULL,
    last_used_at timestamptz NOT NULL, -- to the minute; 1970 before its first call
    tokens_30d bigint NOT NULL DEFAULT 0, -- as of the last time it was summed
    due_at timestamptz NOT NULL -- when it is to be summed again
);

CREATE INDEX key_uses_last_used ON key_uses (organisation_id, last_used_at, key_id);
CREATE INDEX key_uses_tokens ON key_uses (organisation_id, tokens_30d, key_id);
CREATE INDEX key_uses_due ON key_uses (due_at);

INSERT INTO key_uses (key_id, organisation_id, last_used_at, due_at)
SELECT k.id, k.organisation_id, COALESCE(
        (SELECT MAX(r.hour) FROM rollups_hourly r WHERE r.key_id = k.id), '1970-01-01T00:00:00Z'), '1970-01-01T00:00:00Z'
FROM keys k;

-- A deleted organisation keeps its row, because usage names it.
ALTER TABLE organisations ADD COLUMN deleted_at timestamptz;

-- What was changed, by whom. References nothing: it outlives what it is about.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    organisation_id uuid, -- none for what concerns the installation
    author_kind text NOT NULL,
    author_id uuid,
    author_name text NOT NULL,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid,
    subject_name text NOT NULL,
    before_change jsonb,
    after_change jsonb,
    address text,
    request_id uuid
);

CREATE INDEX audit_organisation ON audit (organisation_id, id);

-- Nobody rewrites what happened; only old rows may go.
CREATE FUNCTION refuse_to_rewrite_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is not rewritten';
END $$;

CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_audit();

CREATE FUNCTION refuse_to_empty_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is not rewritten';
END $$;

CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_empty_audit();

-- Creations that were asked for under a name of the caller's own, so that asking twice makes one.
CREATE TABLE idempotency (
    author_id uuid NOT NULL,
    name text NOT NULL,
    request bytea NOT NULL CHECK (length(request) = 32), -- SHA-256 of what was asked
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (author_id, name)
);

-- What an organisation looks at first.
CREATE INDEX last_refusals_organisation ON last_refusals (organisation_id, at);

-- Days that had calls of some kind.
CREATE INDEX kinds_organisation ON kinds (organisation_id, day);
