-- The schema of ControlPlane, read top to bottom: who asks, what they asked for, how it is obtained, who serves it.
--
-- Conventions. Ids are UUIDv7, made by the program. Times are timestamptz, written from the program's clock (TimeProvider)
-- except leases, which live on the database's clock alone, so that two replicas never compare their own clocks.
-- CHECKs restate what the program enforces: the database refuses an illegal row even when a program has a fault.

-- ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tenants (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    created_at  timestamptz NOT NULL
);

-- Only the SHA-256 of a key is kept: 256 random bits need no slow hash, and a dump of this table opens nothing.
CREATE TABLE api_keys (
    id            uuid PRIMARY KEY,
    tenant_id     uuid REFERENCES tenants,
    role          text NOT NULL CHECK (role IN ('portal', 'support', 'admin')),
    name          text NOT NULL,
    secret_hash   bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    -- A portal sees its own tenant only; support and admin belong to the operator.
    CHECK ((role = 'portal') = (tenant_id IS NOT NULL))
);

-- The first answer to an Idempotency-Key is the answer to every repeat. Kept 72 hours: a Friday's retry loop outlives a weekend.
CREATE TABLE idempotency_keys (
    api_key_id    uuid NOT NULL REFERENCES api_keys,
    key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    request_hash  bytea NOT NULL,
    status        int,                      -- null while the first request is still being answered
    location      text,
    body          text,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- ── The fleet ────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- One row per fleet carries the position of its history. The row is locked last in a publishing transaction, so that commit
-- order is revision order and a reader can never skip a late commit.
CREATE TABLE fleets (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    epoch       bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    revision    bigint NOT NULL DEFAULT 0 CHECK (revision >= 0),
    created_at  timestamptz NOT NULL
);

CREATE TABLE join_codes (
    code_hash   bytea PRIMARY KEY CHECK (length(code_hash) = 32),
    fleet_id    uuid NOT NULL REFERENCES fleets,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);

CREATE TABLE nodes (
    id                  uuid PRIMARY KEY,
    fleet_id            uuid NOT NULL REFERENCES fleets,
    name                text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    standing            text NOT NULL CHECK (standing IN ('Joining', 'Serving', 'Lost', 'Draining', 'Retired')),
    http_endpoint       text NOT NULL,
    signing_key         bytea NOT NULL,
    signing_key_id      text NOT NULL,
    sealing_key         bytea NOT NULL,
    sealing_key_id      text NOT NULL,
    agent_version       text NOT NULL,
    haproxy_version     text,
    haproxy_pid         int,
    haproxy_started_at  timestamptz,
    epoch               bigint NOT NULL DEFAULT 0,
    revision            bigint NOT NULL DEFAULT 0,
    report_number       bigint NOT NULL DEFAULT 0,
    joined_at           timestamptz NOT NULL,
    last_seen_at        timestamptz NOT NULL,
    banned_at           timestamptz
);
-- A signing key names one node for ever, so that a token never fits two.
CREATE UNIQUE INDEX nodes_signing_key ON nodes (signing_key_id);
-- A retired node's name may be taken by its successor.
CREATE UNIQUE INDEX nodes_live_name ON nodes (fleet_id, name) WHERE standing <> 'Retired';

-- ── What was asked for ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE domains (
    id                uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL REFERENCES tenants,
    fleet_id          uuid NOT NULL REFERENCES fleets,
    hostname          text NOT NULL CHECK (hostname = lower(hostname) AND length(hostname) <= 64),
    key_algorithm     text NOT NULL CHECK (key_algorithm IN ('EcdsaP256', 'Rsa2048')),
    status            text NOT NULL CHECK (status IN ('Pending', 'Active', 'Failed', 'Deleting', 'Deleted')),
    active_bundle_id  uuid,                 -- the last one proven on every serving node
    created_at        timestamptz NOT NULL,
    activated_at      timestamptz,          -- first time only: time-to-active is activated_at - created_at
    deleted_at        timestamptz,
    deletion_receipt  text,
    CHECK ((status = 'Deleted') = (deleted_at IS NOT NULL))
);
-- One live owner per name; free again when the last order of the deleted one is closed.
CREATE UNIQUE INDEX domains_live_hostname ON domains (hostname) WHERE deleted_at IS NULL;
CREATE INDEX domains_by_tenant ON domains (tenant_id, id);

-- ── How it is obtained ───────────────────────────────────────────────────────────────────────────────────────────────────

-- The queue is this table: state says which step is next, next_attempt_at when, lease_* who is at it.
CREATE TABLE orders (
    id                    uuid PRIMARY KEY,  -- also the alternative_order_id under which a lost order is found at the CA
    sequence              bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- names the token file; never reused
    domain_id             uuid NOT NULL REFERENCES domains,
    hostname              text NOT NULL,
    kind                  text NOT NULL CHECK (kind IN ('New', 'Reissue', 'Renewal')),
    state                 text NOT NULL CHECK (state IN (
                              'PendingDns', 'PendingOrder', 'PendingValidation', 'PendingIssuance', 'PendingDeployment',
                              'Active', 'Canceling', 'Failed', 'Superseded', 'Canceled')),
    state_since           timestamptz NOT NULL,
    next_attempt_at       timestamptz,       -- null: nothing to do until something else happens
    attempts              int NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- surprises in this state; waiting costs none
    snoozes               int NOT NULL DEFAULT 0 CHECK (snoozes >= 0),   -- waits in this state; picks the next interval
    lease_until           timestamptz,       -- the database's clock
    lease_token           uuid,
    reason                text,              -- why it waits or failed: a code of Http/Reasons.cs
    reason_detail         text,              -- the sentence with this order's particulars
    nudges                int NOT NULL DEFAULT 0,   -- raised by whoever has news for a waiting order, lease or not
    cancel_requested_at   timestamptz,

    key_id                uuid,              -- the private key in the vault, sealed before the CSR exists
    csr                   bytea,             -- PKCS#10, DER
    submitted_at          timestamptz,       -- intent: committed before the paid call leaves
    lookups               int NOT NULL DEFAULT 0,   -- look-ups since a paid call whose answer was lost
    uncertain_since       timestamptz,       -- a paid call's answer was lost: sweep its alternative id later
    sweeps                int NOT NULL DEFAULT 0,
    ca_order_id           text,
    ca_certificate_id     text,
    ca_status             text,              -- as the CA last told; unknown words are kept as they are
    dcv_value             text,              -- public by nature (any visitor may read it), still kept out of logs
    dcv_expires_at        timestamptz,
    token_published_at    timestamptz,
    token_seen_at         timestamptz,       -- every serving node gave it back
    bundle_id             uuid,
    created_at            timestamptz NOT NULL,
    closed_at             timestamptz,

    CHECK ((key_id IS NULL) = (csr IS NULL)),
    CHECK (submitted_at IS NULL OR csr IS NOT NULL),
    CHECK (state NOT IN ('PendingValidation', 'PendingIssuance') OR ca_order_id IS NOT NULL),
    CHECK (state NOT IN ('PendingDeployment', 'Active', 'Superseded') OR bundle_id IS NOT NULL),
    CHECK ((state IN ('Failed', 'Superseded', 'Canceled')) = (closed_at IS NOT NULL)),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL))
);
-- One order per name between PendingDns and PendingIssuance, because the CA's token file has one fixed name.
-- Exclusivity ends there: a renewal never waits for nodes.
CREATE UNIQUE INDEX orders_one_at_the_ca ON orders (hostname)
    WHERE state IN ('PendingDns', 'PendingOrder', 'PendingValidation', 'PendingIssuance');
CREATE INDEX orders_due ON orders (state, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX orders_by_domain ON orders (domain_id, sequence);
CREATE INDEX orders_at_ca ON orders (ca_order_id) WHERE ca_order_id IS NOT NULL AND closed_at IS NULL;
CREATE INDEX orders_uncertain ON orders (uncertain_since) WHERE uncertain_since IS NOT NULL;

-- Every id the CA ever gave us for an order, even to a worker that had lost its lease: what is here and not recorded in
-- its order is canceled by a sweep.
CREATE TABLE ca_orders_seen (
    order_id     uuid NOT NULL REFERENCES orders,
    ca_order_id  text NOT NULL,
    seen_at      timestamptz NOT NULL,
    canceled_at  timestamptz,
    PRIMARY KEY (order_id, ca_order_id)
);

-- Calls granted per fifth of a second and CA account, over all replicas: the CA's own rolling windows are computed from it.
-- The account row is locked while granting; slots older than the longest window are deleted on the way.
CREATE TABLE ca_budgets (
    account        text PRIMARY KEY,
    blocked_until  timestamptz               -- the CA said 429: nobody calls before this (the database's clock)
);
CREATE TABLE ca_budget_slots (
    account  text NOT NULL REFERENCES ca_budgets,
    slot     bigint NOT NULL,                -- Unix time in fifths of a second, the database's clock
    granted  int NOT NULL CHECK (granted > 0),
    PRIMARY KEY (account, slot)
);

-- ── What must stay secret ────────────────────────────────────────────────────────────────────────────────────────────────

-- The vault. Written in a transaction of its own, before the order that will point here; a row that no order points to is an
-- orphan and is collected. A private key is AES-256-GCM under a data key of its own; the data key is wrapped by a
-- key-encryption key that is not in this database.
CREATE TABLE vault_keys (
    id              uuid PRIMARY KEY,
    domain_id       uuid NOT NULL,
    order_id        uuid NOT NULL,
    public_key_hash bytea NOT NULL CHECK (length(public_key_hash) = 32),
    kek_id          text NOT NULL,
    wrapped_key     bytea NOT NULL,
    nonce           bytea NOT NULL,
    ciphertext      bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz              -- soft: destroyed 30 days later
);
CREATE INDEX vault_keys_deleted ON vault_keys (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX vault_keys_by_order ON vault_keys (order_id);

-- ── What is served ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE chains (
    id             text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{64}$'),  -- SHA-256 over the concatenated DER
    intermediates  bytea[] NOT NULL          -- DER, the leaf's issuer first
);

CREATE TABLE bundles (
    id           uuid PRIMARY KEY,
    domain_id    uuid NOT NULL REFERENCES domains,
    order_id     uuid NOT NULL REFERENCES orders,
    key_id       uuid NOT NULL,               -- in the vault, which is behind a port: no foreign key
    chain_id     text NOT NULL REFERENCES chains,
    leaf         bytea NOT NULL,
    issuer       text NOT NULL,
    serial       text NOT NULL,
    fingerprint  text NOT NULL UNIQUE CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    not_before   timestamptz NOT NULL,
    not_after    timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    UNIQUE (issuer, serial)                  -- RFC 5280 §4.1.2.2: a CA never gives a serial twice
);
ALTER TABLE orders ADD FOREIGN KEY (bundle_id) REFERENCES bundles DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE domains ADD FOREIGN KEY (active_bundle_id) REFERENCES bundles DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX bundles_by_domain ON bundles (domain_id, created_at);
CREATE INDEX bundles_by_key ON bundles (key_id);

-- Changes wait here for the publisher, which gives a whole batch one revision. order_sequence decides between two of them:
-- desired state only ever moves to a later order.
CREATE TABLE desired_changes (
    domain_id       uuid PRIMARY KEY REFERENCES domains,
    fleet_id        uuid NOT NULL REFERENCES fleets,
    hostname        text NOT NULL,
    bundle_id       uuid REFERENCES bundles,  -- null: withdraw
    order_sequence  bigint NOT NULL,
    changed_at      timestamptz NOT NULL
);

CREATE TABLE desired_state (
    fleet_id        uuid NOT NULL REFERENCES fleets,
    domain_id       uuid NOT NULL REFERENCES domains,
    hostname        text NOT NULL,
    bundle_id       uuid REFERENCES bundles,  -- null: a tombstone
    order_sequence  bigint NOT NULL,
    revision        bigint NOT NULL CHECK (revision > 0),
    changed_at      timestamptz NOT NULL,
    approval        text,
    PRIMARY KEY (fleet_id, domain_id)
);
-- The reader's order: a page may end inside a batch that shares a revision.
CREATE UNIQUE INDEX desired_state_by_revision ON desired_state (fleet_id, revision, domain_id);

CREATE TABLE node_observations (
    node_id                uuid NOT NULL REFERENCES nodes,
    domain_id              uuid NOT NULL REFERENCES domains,
    revision               bigint NOT NULL,
    state                  text NOT NULL CHECK (state IN ('Serving', 'Refused', 'Withdrawn')),
    disk_fingerprint       text,
    memory_fingerprint     text,
    handshake_fingerprint  text,
    error_code             text,
    error_detail           text,
    observed_at            timestamptz NOT NULL,
    PRIMARY KEY (node_id, domain_id)
);
CREATE INDEX node_observations_by_domain ON node_observations (domain_id);

-- Which keys a stolen node has seen: committed before the bytes leave.
CREATE TABLE bundle_releases (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id         uuid NOT NULL REFERENCES nodes,
    bundle_id       uuid NOT NULL REFERENCES bundles,
    sealing_key_id  text NOT NULL,
    released_at     timestamptz NOT NULL
);
CREATE INDEX bundle_releases_by_node ON bundle_releases (node_id, released_at);
CREATE INDEX bundle_releases_by_bundle ON bundle_releases (bundle_id);

-- ── What happened ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Written in the transaction of the change it tells of, so that no change is untold and none is told that did not happen.
CREATE TABLE events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    tenant_id  uuid REFERENCES tenants,
    domain_id  uuid REFERENCES domains,
    order_id   uuid REFERENCES orders,
    type       text NOT NULL,
    message    text NOT NULL
);
CREATE INDEX events_by_domain ON events (domain_id, id);
CREATE INDEX events_by_tenant ON events (tenant_id, id);
