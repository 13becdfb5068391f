-- Sweeps look for leases that are to end by their state, and not through all that were ever closed.
-- Without expires_at, which every heartbeat writes.
CREATE INDEX leases_state ON leases (state, id) WHERE state <> 'closed';
