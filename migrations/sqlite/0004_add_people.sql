-- People and what they may do, how they prove themselves, and what was changed by whom.

CREATE TABLE users (
    id BLOB PRIMARY KEY NOT NULL,
    email TEXT NOT NULL UNIQUE, -- in lower case
    name TEXT NOT NULL,
    password TEXT, -- an Argon2id hash; none before the first link is used
    is_operator INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_user ON memberships (user_id);

-- The cookie's secret is known by its hash alone.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id BLOB NOT NULL REFERENCES users (id),
    address TEXT,
    agent TEXT,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id);

-- From where people signed in before: strangers who guess at their password do not keep them out.
CREATE TABLE known_addresses (
    user_id BLOB NOT NULL REFERENCES users (id),
    address TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- Links that work once: to set up the first operator, to sign in, to choose a new password.
CREATE TABLE links (
    hash BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    purpose TEXT NOT NULL CHECK (purpose IN ('set_up', 'sign_in', 'reset')),
    user_id BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX links_user ON links (user_id);

CREATE TABLE invitations (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    email TEXT NOT NULL, -- in lower case
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_organisation ON invitations (organisation_id);

-- Management tokens: of an organisation with a role, or of the operator without either.
CREATE TABLE tokens (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    organisation_id BLOB REFERENCES organisations (id),
    role TEXT CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    name TEXT NOT NULL,
    display TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    CHECK ((organisation_id IS NULL) = (role IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_organisation ON tokens (organisation_id);

-- The user or token whose key it is; none for those of the command line.
ALTER TABLE keys ADD COLUMN owner_id BLOB;

-- Who made it, as people know them.
ALTER TABLE keys ADD COLUMN created_by TEXT NOT NULL DEFAULT 'command line';

-- What keys are searched by, in lower case: the name, and what is shown of the newest secret.
ALTER TABLE keys ADD COLUMN search TEXT NOT NULL DEFAULT '';

UPDATE keys SET search = LOWER(name) || ' ' || COALESCE((SELECT LOWER(s.display) FROM key_secrets s
    WHERE s.key_id = keys.id AND s.grace_until IS NULL), '');

CREATE INDEX keys_owner ON keys (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX keys_name ON keys (organisation_id, name, id);

-- What lists of keys are sorted by: one row a key, beside it, so that its use never writes the key.
CREATE TABLE key_uses (
    key_id BLOB PRIMARY KEY NOT NULL REFERENCES keys (id),
    organisation_id BLOB NOT NULL,
    last_used_at INTEGER NOT NULL, -- to the minute; 1970 before its first call
    tokens_30d INTEGER NOT NULL DEFAULT 0, -- as of the last time it was summed
    due_at INTEGER NOT NULL -- when it is to be summed again
) STRICT, WITHOUT ROWID;

CREATE INDEX key_uses_last_used ON key_uses (organisation_id, last_used_at, key_id);
CREATE INDEX key_uses_tokens ON key_uses (organisation_id, tokens_30d, key_id);
CREATE INDEX key_uses_due ON key_uses (due_at);

INSERT INTO key_uses (key_id, organisation_id, last_used_at, due_at)
SELECT k.id, k.organisation_id, COALESCE(
        (SELECT MAX(r.hour) FROM rollups_hourly r WHERE r.key_id = k.id), 0), 0
FROM keys k;

-- A deleted organisation keeps its row, because usage names it.
ALTER TABLE organisations ADD COLUMN deleted_at INTEGER;

-- What was changed, by whom. References nothing: it outlives what it is about.
CREATE TABLE audit (
    id BLOB PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    organisation_id BLOB, -- none for what concerns the installation
    author_kind TEXT NOT NULL,
    author_id BLOB,
    author_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB,
    subject_name TEXT NOT NULL,
    before_change TEXT,
    after_change TEXT,
    address TEXT,
    request_id BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_organisation ON audit (organisation_id, id);

-- Nobody rewrites what happened; only old rows may go.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not rewritten');
END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN OLD.at > (unixepoch() - 30 * 86400) * 1000000
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not rewritten');
END;

-- Creations that were asked for under a name of the caller's own, so that asking twice makes one.
CREATE TABLE idempotency (
    author_id BLOB NOT NULL,
    name TEXT NOT NULL,
    request BLOB NOT NULL CHECK (length(request) = 32), -- SHA-256 of what was asked
    subject_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (author_id, name)
) STRICT, WITHOUT ROWID;

-- What an organisation looks at first.
CREATE INDEX last_refusals_organisation ON last_refusals (organisation_id, at);

-- Days that had calls of some kind.
CREATE INDEX kinds_organisation ON kinds (organisation_id, day);
