-- What a stolen node could read, and how that is made worthless: the ledger of releases is closed to changes, a ban
-- remembers why, and every bundle that must be replaced is a row until it is.

-- ── The ledger ───────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Append-only for every role: what a node was given stays written, whoever asks for it to be forgotten.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are never changed or deleted.', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER bundle_releases_append_only BEFORE UPDATE OR DELETE ON bundle_releases
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Exposure pages through the first release of each bundle: one index walks, the other tells which is the first.
CREATE INDEX bundle_releases_walk ON bundle_releases (node_id, id);
CREATE INDEX bundle_releases_first ON bundle_releases (node_id, bundle_id, id);

-- A bundle is in use while its fleet wants it, is about to want it, or still serves it until the next one is proven. The
-- one place that says so; what is in no row here may lose its key.
CREATE VIEW bundles_in_use AS
    SELECT bundle_id FROM desired_state WHERE bundle_id IS NOT NULL
    UNION ALL
    SELECT bundle_id FROM desired_changes WHERE bundle_id IS NOT NULL
    UNION ALL
    SELECT active_bundle_id FROM domains WHERE active_bundle_id IS NOT NULL;
CREATE INDEX desired_state_by_bundle ON desired_state (bundle_id) WHERE bundle_id IS NOT NULL;
CREATE INDEX desired_changes_by_bundle ON desired_changes (bundle_id) WHERE bundle_id IS NOT NULL;
CREATE INDEX domains_by_active_bundle ON domains (active_bundle_id) WHERE active_bundle_id IS NOT NULL;

-- The key of a superseded order leaves the vault once no node serves it.
ALTER TABLE orders ADD COLUMN key_deleted_at timestamptz;
CREATE INDEX orders_with_old_key ON orders (closed_at)
    WHERE state = 'Superseded' AND key_id IS NOT NULL AND key_deleted_at IS NULL;

-- ── Bans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- nodes.banned_at refuses the node; this row says why, and how far the replacement of its keys is.
CREATE TABLE node_bans (
    node_id            uuid PRIMARY KEY REFERENCES nodes,
    reason             text CHECK (length(reason) <= 500),
    rekey_asked_at     timestamptz,
    rekey_finished_at  timestamptz,          -- null again when a later ban added something
    CHECK (rekey_finished_at IS NULL OR rekey_asked_at IS NOT NULL)
);
CREATE INDEX node_bans_unfinished ON node_bans (node_id)
    WHERE rekey_asked_at IS NOT NULL AND rekey_finished_at IS NULL;

-- One row per bundle that a banned node could read and that was in use: written in a transaction after the ban's own, worked
-- off in small ones. rank 1 is the most exposed.
CREATE TABLE replacements (
    node_id          uuid NOT NULL REFERENCES node_bans,
    bundle_id        uuid NOT NULL REFERENCES bundles,
    rank             int NOT NULL CHECK (rank > 0),
    state            text NOT NULL CHECK (state IN ('Waiting', 'Ordered', 'Replaced', 'Failed', 'NotNeeded')),
    order_id         uuid REFERENCES orders,  -- the order whose bundle takes its place; several rows may share one
    attempts         int NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- orders that failed
    next_attempt_at  timestamptz,             -- null: as soon as there is room
    reason           text,                    -- why it failed or is not needed: a code of Http/Reasons.cs
    detail           text,
    recorded_at      timestamptz NOT NULL,
    settled_at       timestamptz,
    PRIMARY KEY (node_id, bundle_id),
    UNIQUE (node_id, rank),
    CHECK (state NOT IN ('Ordered', 'Replaced') OR order_id IS NOT NULL),
    CHECK (state NOT IN ('Failed', 'NotNeeded') OR reason IS NOT NULL),
    CHECK ((state IN ('Replaced', 'NotNeeded')) = (settled_at IS NOT NULL))
);
CREATE INDEX replacements_unsettled ON replacements (state, rank) WHERE settled_at IS NULL;

-- ── What happened to nodes ───────────────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE events ADD COLUMN node_id uuid REFERENCES nodes;
CREATE INDEX events_by_node ON events (node_id, id) WHERE node_id IS NOT NULL;
