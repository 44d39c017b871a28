-- Desired state at 100,000 domains: what is read again and again is read from an index alone.

-- All that the wire says of a bundle, without its leaf: a certificate is a kilobyte, this is a tenth of it.
CREATE INDEX bundles_on_the_wire ON bundles (id) INCLUDE (fingerprint, serial, not_after);

-- The digest's bucket of a domain: the last twelve bits of its id (StateDigest.BucketOf).
CREATE INDEX desired_state_by_bucket ON desired_state (
    fleet_id, ((get_byte(uuid_send(domain_id), 14) & 15) * 256 + get_byte(uuid_send(domain_id), 15)))
    WHERE bundle_id IS NOT NULL;
