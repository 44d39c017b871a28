-- Desired state at 100,000 domains: what is read again and again is read from an index alone.

-- All that the wire says of a bundle, without its leaf: a certificate is a kilobyte, this is a tenth of it.
CREATE INDEX bundles_on_the_wire ON bundles (id) INCLUDE (fingerprint, serial, not_after);

-- The digest's bucket of a domain: the last twelve bits of its id (StateDigest.BucketOf).
CREATE INDEX desired_state_by_bucket ON desired_state (
    fleet_id, ((get_byte(uuid_send(domain_id), 14) & 15) * 256 + get_byte(uuid_send(domain_id), 15)))
    WHERE bundle_id IS NOT NULL;

-- A tombstone is kept until every node must have read it; then it is history, and a cursor older than kept_from begins anew.
-- Its age counts from its publication: a withdrawal may have waited for an approval.
ALTER TABLE desired_state ADD COLUMN published_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX desired_state_tombstones ON desired_state (fleet_id, published_at) WHERE bundle_id IS NULL;
ALTER TABLE fleets ADD COLUMN kept_from bigint NOT NULL DEFAULT 0 CHECK (kept_from >= 0);

-- Tombstones that are listed no more. A node that was away for longer and still holds such a bundle is told again, because
-- deletion is never inferred from absence.
CREATE TABLE past_withdrawals (
    fleet_id        uuid NOT NULL REFERENCES fleets,
    domain_id       uuid NOT NULL REFERENCES domains,
    hostname        text NOT NULL,
    order_sequence  bigint NOT NULL,
    changed_at      timestamptz NOT NULL,
    approval        text,
    PRIMARY KEY (fleet_id, domain_id)
);

-- A withdrawal that waits: held_at since when, because there are too many within the hour; approval once an admin let it go.
ALTER TABLE desired_changes ADD COLUMN held_at timestamptz;
ALTER TABLE desired_changes ADD COLUMN approval text;
