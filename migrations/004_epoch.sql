-- The life of a fleet's history: how a database that was set back to an older moment is noticed, and what is known of the
-- time it has forgotten.

-- Which cluster and which timeline the rows last lived in. A restore from a dump, another cluster, a promoted standby: all
-- show here. A file-level copy put back in place shows nothing; then it is the nodes that tell.
CREATE TABLE database_lineage (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier  bigint NOT NULL,
    timeline           int NOT NULL,
    seen_at            timestamptz NOT NULL
);

-- Every time a fleet's epoch was raised, and why. Until collect_after nothing is collected: what looks forgotten may be in
-- use, because it was made after the moment the database was set back to.
CREATE TABLE epoch_bumps (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fleet_id          uuid NOT NULL REFERENCES fleets,
    from_epoch        bigint NOT NULL,
    to_epoch          bigint NOT NULL CHECK (to_epoch > from_epoch),
    cause             text NOT NULL CHECK (cause IN ('OtherCluster', 'OtherTimeline', 'NodeAhead')),
    node_id           uuid REFERENCES nodes,       -- who showed what this database does not know
    detail            text NOT NULL,
    at                timestamptz NOT NULL,
    database_ends_at  timestamptz NOT NULL,        -- the newest thing this database remembers from before
    collect_after     timestamptz NOT NULL,
    ca_listed_at      timestamptz                  -- the CA was asked for orders that have no row here
);
CREATE INDEX epoch_bumps_by_fleet ON epoch_bumps (fleet_id, id);
CREATE INDEX epoch_bumps_by_pause ON epoch_bumps (collect_after);

-- What agents are alarmed about now. The row goes when the alarm is over; its beginning and end are events.
CREATE TABLE node_alarms (
    node_id  uuid NOT NULL REFERENCES nodes,
    code     text NOT NULL,
    detail   text NOT NULL,
    since    timestamptz NOT NULL,
    PRIMARY KEY (node_id, code)
);

-- Names that nodes serve and that this database does not want: nobody withdrew them, so that they are served on.
CREATE TABLE node_strays (
    node_id      uuid NOT NULL REFERENCES nodes,
    hostname     text NOT NULL CHECK (hostname = lower(hostname) AND length(hostname) <= 64),
    fingerprint  text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    not_after    timestamptz NOT NULL,
    PRIMARY KEY (node_id, hostname)
);
CREATE INDEX node_strays_by_hostname ON node_strays (hostname);

-- Orders of ours at the CA (they carry an id of our making) without a row here. Recorded, and canceled by nobody but a person.
CREATE TABLE found_ca_orders (
    ca_order_id  text PRIMARY KEY,
    order_id     uuid NOT NULL,                    -- the id we gave it; no foreign key, because its row is what is missing
    hostname     text NOT NULL,
    status       text NOT NULL,
    found_at     timestamptz NOT NULL
);
CREATE INDEX found_ca_orders_by_hostname ON found_ca_orders (hostname);

-- An order that may have been placed in a time this database has forgotten: the CA is asked before anything is bought.
ALTER TABLE orders ADD COLUMN doubted_at timestamptz;
-- When the node last accepted an answer, and how many names it serves that nobody here knows.
ALTER TABLE nodes ADD COLUMN fresh_at timestamptz;
ALTER TABLE nodes ADD COLUMN strays int NOT NULL DEFAULT 0 CHECK (strays >= 0);
-- The epoch in which it told those last: until then it may serve what this database has forgotten.
ALTER TABLE nodes ADD COLUMN strays_epoch bigint;
