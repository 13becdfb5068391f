-- What the events that name a lease were charged in all, covered by it or not: by this its owner tells
-- which of its charges a reading of the books already counts.
ALTER TABLE leases ADD COLUMN charged INTEGER NOT NULL DEFAULT 0 CHECK (charged >= 0);
