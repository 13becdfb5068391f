-- Calls of a model or of a status are looked for on the days that have such kinds. With both beside the
-- day, that reads nothing but an index, which is hardly larger than the one it replaces.
CREATE INDEX kinds_looks ON kinds (organisation_id, day, model, status);
DROP INDEX kinds_organisation;
