-- Who owns a name. A domain is one tenant's claim to a name; several claims may stand beside each other, one of them holds
-- the name. The rules in words: src/ControlPlane/Domains/README.md, "Who owns a name".

-- Held: owns the name. Contested: another tenant claims it or had it a moment ago, so that nothing happens before the TXT
-- record is seen. Proven: the record was seen; the certificate is on its way while the former owner still serves. Lost:
-- another tenant showed its record.
ALTER TABLE domains
    ADD COLUMN claim         text NOT NULL DEFAULT 'Held' CHECK (claim IN ('Held', 'Contested', 'Proven', 'Lost')),
    -- Makes the value of the TXT record, together with tenant and name: random, so that nobody can compute another's.
    ADD COLUMN claim_secret  bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                             CHECK (length(claim_secret) = 32),
    ADD COLUMN proven_at     timestamptz,       -- when the TXT record was seen
    ADD COLUMN cname_target  text,              -- this tenant's own target; null: the fleet's
    ADD CHECK (claim <> 'Proven' OR proven_at IS NOT NULL);

-- One live owner per name, at most one proven successor, and one claim of each tenant.
DROP INDEX domains_live_hostname;
CREATE UNIQUE INDEX domains_live_hostname ON domains (hostname) WHERE deleted_at IS NULL AND claim = 'Held';
CREATE UNIQUE INDEX domains_one_successor ON domains (hostname) WHERE deleted_at IS NULL AND claim = 'Proven';
CREATE UNIQUE INDEX domains_one_claim_of_a_tenant ON domains (tenant_id, hostname) WHERE deleted_at IS NULL;
-- Who else claims a name, or had it within the quarantine.
CREATE INDEX domains_by_hostname ON domains (hostname, deleted_at);

-- An order carries its domain's claim, kept equal by the foreign key, so that a CHECK can say it: nothing is ordered for a
-- contested name.
ALTER TABLE domains ADD UNIQUE (id, claim);
ALTER TABLE orders
    ADD COLUMN claim text NOT NULL DEFAULT 'Held',
    ADD CONSTRAINT orders_claim_of_domain FOREIGN KEY (domain_id, claim) REFERENCES domains (id, claim) ON UPDATE CASCADE,
    ADD CONSTRAINT orders_not_for_contested_names CHECK (
        claim <> 'Contested' OR state IN ('PendingDns', 'Canceling', 'Canceled', 'Failed'));

-- Several claims may wait for the customer's records at once; at the CA there is one order per name, and of each domain one
-- is under way.
DROP INDEX orders_one_at_the_ca;
CREATE UNIQUE INDEX orders_one_at_the_ca ON orders (hostname)
    WHERE state IN ('PendingOrder', 'PendingValidation', 'PendingIssuance');
CREATE UNIQUE INDEX orders_one_under_way ON orders (domain_id)
    WHERE state IN ('PendingDns', 'PendingOrder', 'PendingValidation', 'PendingIssuance');
-- Whether somebody else's order for the name is still open.
CREATE INDEX orders_open_by_hostname ON orders (hostname) WHERE closed_at IS NULL;

-- The label below the fleet's target that is one tenant's own: random, so that nobody else can point a name there, and so
-- that a record left behind is worth nothing to another tenant.
CREATE TABLE tenant_targets (
    tenant_id   uuid PRIMARY KEY REFERENCES tenants,
    label       text NOT NULL UNIQUE CHECK (label ~ '^[0-9a-f]{26}$'),
    created_at  timestamptz NOT NULL
);
