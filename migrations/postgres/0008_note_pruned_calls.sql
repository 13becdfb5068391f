-- Up to when the calls of an organisation were let go. A journal may still have some of them: one that
-- is not there any more was pruned, and not lost by a database that was set back.
CREATE TABLE pruned_calls (
    organisation_id uuid PRIMARY KEY,
    through timestamptz NOT NULL
);

-- What earlier releases let go is what came before the oldest call that is there.
INSERT INTO pruned_calls
SELECT r.organisation_id, COALESCE(
    (SELECT MIN(e.at) - INTERVAL '1 microsecond' FROM events e WHERE e.organisation_id = r.organisation_id),
    MAX(r.hour) + INTERVAL '1 hour')
FROM rollups_of_projects r GROUP BY r.organisation_id;

-- What was charged for leases of a process that may come back.
CREATE INDEX leases_unclaimed ON leases (instance_id, id) WHERE state = 'closed' AND unclaimed > 0;
