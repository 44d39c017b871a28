-- Several CAs at once. An order carries the one it goes to: chosen anew while it waits, fixed when it is placed. What was
-- there before went to CertCentral, and so does what a replica of the version before inserts while this one starts.
ALTER TABLE orders ADD COLUMN ca text NOT NULL DEFAULT 'certcentral';
-- An id at a CA means nothing at another one.
DROP INDEX orders_at_ca;
CREATE INDEX orders_at_ca ON orders (ca, ca_order_id) WHERE ca_order_id IS NOT NULL AND closed_at IS NULL;
ALTER TABLE found_ca_orders ADD COLUMN ca text NOT NULL DEFAULT 'certcentral';

-- Who chose: the domain's word goes before its tenant's, and that before the configured one. Null: nobody said.
ALTER TABLE domains ADD COLUMN certificate_authority text;
ALTER TABLE tenants ADD COLUMN certificate_authority text;

-- When another CA took the place of the chosen one, because that one was down: only so many may in an hour and a day.
ALTER TABLE orders ADD COLUMN ca_moved_at timestamptz;
CREATE INDEX orders_moved ON orders (ca_moved_at) WHERE ca_moved_at IS NOT NULL;

-- How each CA has answered of late, as all replicas saw it. Calls that place orders stand apart from the others: a CA may
-- show orders and take none. No row: nothing is known against it.
CREATE TABLE ca_standings (
    ca               text NOT NULL,
    calls            text NOT NULL CHECK (calls IN ('Orders', 'Others')),
    failures         int NOT NULL DEFAULT 0 CHECK (failures >= 0),  -- since the last success
    failing_since    timestamptz,      -- the first of them
    failed_at        timestamptz,      -- the last of them
    refused_at       timestamptz,      -- our credential was refused, and not taken since
    no_quota_since   timestamptz,      -- the quota was used up then, and always since when it was asked again
    no_quota_until   timestamptz,
    no_quota_name    text,             -- the registered domain that alone met that; null: others did, too
    PRIMARY KEY (ca, calls),
    CHECK ((failures = 0) = (failing_since IS NULL) AND (failures = 0) = (failed_at IS NULL)),
    CHECK ((no_quota_since IS NULL) = (no_quota_until IS NULL))
);
