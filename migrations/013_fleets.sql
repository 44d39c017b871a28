-- Several fleets, each with its own way in and its own pace.

-- Where names of the fleet must lead. A fleet without either has what the configuration names: the first one, made at
-- start. Two fleets never share a way: a name would be looked for where nobody serves it.
ALTER TABLE fleets
    ADD COLUMN cname_target  text CHECK (cname_target = lower(cname_target)),
    ADD COLUMN addresses     text[] NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX fleets_cname_target ON fleets (cname_target) WHERE cname_target IS NOT NULL;

-- Where a tenant's new domains go when nobody says; null: the fleet that the configuration names.
ALTER TABLE tenants ADD COLUMN fleet_id uuid REFERENCES fleets;

-- How far a fleet's nodes may follow. Canary nodes see up to revision, all others up to released_revision; without
-- canaries the two move as one. Only a running rollout moves released_revision, but for withdrawals: they are released
-- with the batch that brings them, whatever the state.
ALTER TABLE fleets
    ADD COLUMN canaries           int NOT NULL DEFAULT 0 CHECK (canaries BETWEEN 0 AND 100),
    ADD COLUMN released_revision  bigint NOT NULL DEFAULT 0 CHECK (released_revision >= 0),
    ADD COLUMN released_at        timestamptz,
    ADD COLUMN rollout            text NOT NULL DEFAULT 'Running'
        CHECK (rollout IN ('Running', 'CanarySilent', 'Halted', 'Paused')),
    ADD COLUMN rollout_since      timestamptz,
    ADD COLUMN rollout_reason     text,
    -- Refusals before this count no more: somebody has seen them and resumed the rollout.
    ADD COLUMN refusals_since     timestamptz;
UPDATE fleets SET released_revision = revision;
ALTER TABLE fleets ADD CHECK (released_revision <= revision);

-- Refusals are few: what a fleet refused lately is counted at every step of a rollout.
CREATE INDEX node_observations_refused ON node_observations (observed_at) WHERE state = 'Refused';
