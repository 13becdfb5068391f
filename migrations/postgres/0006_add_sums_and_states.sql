-- What a hundred thousand keys need, and what people can be.

-- Usage by the hour without the keys: what charts of an organisation read, and what budgets of
-- organisations and projects open with.
CREATE TABLE rollups_of_projects (
    organisation_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    project_id uuid NOT NULL,
    model text NOT NULL,
    requests bigint NOT NULL CHECK (requests >= 0),
    errors bigint NOT NULL CHECK (errors >= 0),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    total_tokens bigint NOT NULL CHECK (total_tokens >= 0),
    estimated_tokens bigint NOT NULL CHECK (estimated_tokens >= 0),
    interrupted_tokens bigint NOT NULL CHECK (interrupted_tokens >= 0),
    cost_nano bigint NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (organisation_id, hour, project_id, model)
);

INSERT INTO rollups_of_projects
SELECT organisation_id, hour, project_id, model, SUM(requests), SUM(errors), SUM(input_tokens),
    SUM(output_tokens), SUM(total_tokens), SUM(estimated_tokens), SUM(interrupted_tokens),
    SUM(cost_nano)
FROM rollups_hourly GROUP BY organisation_id, hour, project_id, model;

CREATE INDEX rollups_of_projects_project ON rollups_of_projects (project_id, hour);

-- Sums of projects are read there now.
DROP INDEX rollups_hourly_project;

-- Lists of keys in both orders of their own columns, with what they are searched by: a search reads no
-- key that does not match.
DROP INDEX keys_organisation;
DROP INDEX keys_name;
CREATE INDEX keys_organisation ON keys (organisation_id, id);
CREATE INDEX keys_created ON keys (organisation_id, created_at, id, search) WHERE deleted_at IS NULL;
CREATE INDEX keys_name ON keys (organisation_id, name, id, search) WHERE deleted_at IS NULL;

-- Operators shut people out, and let them in again.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;

-- Grows with every change of the role.
ALTER TABLE memberships ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- What the installation's operators did and may read.
CREATE INDEX audit_installation ON audit (id)
    WHERE organisation_id IS NULL OR subject_kind = 'organisation';
