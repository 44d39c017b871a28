-- Adoption: certificates that were bought by hand are taken over from the nodes that serve them, and not bought again.

-- An order of this kind buys nothing: it waits in PendingDns for a bundle that a node hands in, and goes on to
-- PendingDeployment from there.
ALTER TABLE orders DROP CONSTRAINT orders_kind_check;
ALTER TABLE orders ADD CONSTRAINT orders_kind_check CHECK (kind IN ('New', 'Reissue', 'Renewal', 'Adoption'));

-- An admin's leave to hand in private keys: for one fleet, for a short while, and for one node, which is the first that
-- does so. Without one no node can plant a key. Keys are sealed to public_key; its private half is in the vault, and
-- is an orphan there as soon as nothing that was sealed to it waits any more.
CREATE TABLE adoptions (
    id          uuid PRIMARY KEY,
    fleet_id    uuid NOT NULL REFERENCES fleets,
    code_hash   bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    key_id      uuid NOT NULL UNIQUE,        -- in the vault, which is behind a port: no foreign key
    public_key  bytea NOT NULL,              -- SubjectPublicKeyInfo, P-256
    node_id     uuid REFERENCES nodes,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    closed_at   timestamptz
);

-- What was handed in for an order. The private key is sealed to its adoption's key until the order's step has moved it
-- into the vault, or has refused it; then the row stays as the record of where the bundle came from.
CREATE TABLE adopted_bundles (
    order_id       uuid PRIMARY KEY REFERENCES orders,
    adoption_id    uuid NOT NULL REFERENCES adoptions,
    node_id        uuid NOT NULL REFERENCES nodes,
    fingerprint    text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    leaf           bytea NOT NULL,
    intermediates  bytea[] NOT NULL,
    encapsulation  bytea,
    ciphertext     bytea,
    handed_in_at   timestamptz NOT NULL,
    settled_at     timestamptz,
    refusal        text,                     -- why it was not taken; null when it was
    ca_looked_at   timestamptz,              -- the CA was asked which of its orders this certificate belongs to
    CHECK ((ciphertext IS NULL) = (settled_at IS NOT NULL)),
    CHECK ((ciphertext IS NULL) = (encapsulation IS NULL)),
    CHECK (refusal IS NULL OR settled_at IS NOT NULL)
);
CREATE INDEX adopted_bundles_by_adoption ON adopted_bundles (adoption_id);
CREATE INDEX adopted_bundles_to_look_up ON adopted_bundles (settled_at)
    WHERE settled_at IS NOT NULL AND refusal IS NULL AND ca_looked_at IS NULL;
