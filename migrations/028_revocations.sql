-- Certificates that are to be revoked before they end, and how far that is.

-- One row per certificate, for ever: asking twice finds it. A certificate that is still in use waits until its successor is
-- proven on every serving node, unless it must be revoked at once; then its replacement is opened all the same.
CREATE TABLE revocations (
    bundle_id        uuid PRIMARY KEY REFERENCES bundles,
    domain_id        uuid NOT NULL REFERENCES domains,
    node_id          uuid REFERENCES node_bans,   -- the ban that asked; its rekey opens the replacement
    reason           text NOT NULL CHECK (reason IN (
                         'Unspecified', 'KeyCompromise', 'AffiliationChanged', 'Superseded', 'CessationOfOperation')),
    at_once          boolean NOT NULL,
    state            text NOT NULL CHECK (state IN (
                         'WaitingForReplacement', 'Sending', 'AwaitingApproval', 'Revoked', 'Failed')),
    attempts         int NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- calls whose answer was none, or a refusal
    next_attempt_at  timestamptz,             -- when the CA is asked next
    sent_at          timestamptz,             -- intent: committed before each call; a lost answer is asked for again
    ca_request       text,                    -- what a person of the CA's account has to approve
    detail           text,                    -- the last fault, in the CA's words
    requested_at     timestamptz NOT NULL,
    revoked_at       timestamptz,
    order_id         uuid REFERENCES orders,  -- on its way to take the certificate's place
    orders_failed    int NOT NULL DEFAULT 0 CHECK (orders_failed >= 0),
    next_order_at    timestamptz,             -- after one that failed; null: as soon as there is room
    replaced_at      timestamptz,             -- nobody is served with it any more
    CHECK ((state IN ('Sending', 'AwaitingApproval')) = (next_attempt_at IS NOT NULL)),
    CHECK (state <> 'AwaitingApproval' OR ca_request IS NOT NULL),
    CHECK ((state = 'Revoked') = (revoked_at IS NOT NULL)),
    CHECK (state <> 'Failed' OR detail IS NOT NULL),
    CHECK (state <> 'WaitingForReplacement' OR replaced_at IS NULL),
    CHECK (NOT at_once OR state <> 'WaitingForReplacement')
);
CREATE INDEX revocations_due ON revocations (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX revocations_in_use ON revocations (domain_id) WHERE replaced_at IS NULL;
CREATE INDEX revocations_by_domain ON revocations (domain_id);
CREATE INDEX bundles_by_serial ON bundles (domain_id, serial);

-- Whether a ban has what the node could read revoked.
ALTER TABLE node_bans ADD COLUMN revokes boolean NOT NULL DEFAULT true;

-- ── What is gone, and how it is known ───────────────────────────────────────────────────────────────────────────────────────

-- Written in the transaction that destroys a key, which takes its row out of the vault.
CREATE TABLE destroyed_keys (
    id               uuid PRIMARY KEY,
    domain_id        uuid NOT NULL,
    order_id         uuid NOT NULL,
    public_key_hash  bytea NOT NULL CHECK (length(public_key_hash) = 32),
    created_at       timestamptz NOT NULL,
    deleted_at       timestamptz,            -- softly, before; null: an orphan
    destroyed_at     timestamptz NOT NULL
);
CREATE INDEX destroyed_keys_by_domain ON destroyed_keys (domain_id);
CREATE INDEX vault_keys_by_domain ON vault_keys (domain_id);

-- The last word on a domain or node that is gone. The audit trail has the SHA-256 of the text, so that it cannot be made to
-- say something else.
CREATE TABLE receipts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id  uuid UNIQUE REFERENCES domains,
    node_id    uuid UNIQUE REFERENCES nodes,
    document   text NOT NULL,                 -- JSON
    sha256     bytea NOT NULL CHECK (length(sha256) = 32),
    issued_at  timestamptz NOT NULL,
    CHECK ((domain_id IS NULL) <> (node_id IS NULL))
);

-- Who confirmed that a deleted name is gone, and who was not there to ask: names of nodes.
ALTER TABLE domains
    ADD COLUMN withdrawn_from text[] NOT NULL DEFAULT '{}',
    ADD COLUMN not_asked text[] NOT NULL DEFAULT '{}';
ALTER TABLE nodes ADD COLUMN retired_at timestamptz;
CREATE INDEX nodes_retired ON nodes (retired_at) WHERE retired_at IS NOT NULL;
