-- Replacement campaigns: every certificate that a filter finds gets a successor before a deadline. A plan is a campaign that
-- was not started: its rows say which domains, in which order, and when each is expected to be proven.
CREATE TABLE campaigns (
    id             uuid PRIMARY KEY,
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),   -- for people
    filter         jsonb NOT NULL CHECK (jsonb_typeof(filter) = 'object'),   -- what was asked for; lists by their length
    priority       text NOT NULL CHECK (priority IN ('Expiry', 'TrafficClass')),
    deadline       timestamptz NOT NULL,
    -- How the old certificates are to be revoked once their successors are proven; null: not at all.
    revoke_after   text CHECK (revoke_after IN
        ('Unspecified', 'KeyCompromise', 'AffiliationChanged', 'Superseded', 'CessationOfOperation')),
    is_rehearsal   boolean NOT NULL,         -- played on paper: nothing is ordered
    plan           jsonb NOT NULL CHECK (jsonb_typeof(plan) = 'object'),     -- what was foretold, as it was answered
    state          text NOT NULL CHECK (state IN ('Planned', 'Running', 'Paused', 'Aborted', 'Completed')),
    created_at     timestamptz NOT NULL,
    started_at     timestamptz,
    paused_at      timestamptz,
    finished_at    timestamptz,              -- completed, or aborted: what was ordered by then still comes to its end
    late_told_at   timestamptz,              -- when it was told that the deadline has passed
    CHECK (state <> 'Planned' OR started_at IS NULL),
    CHECK (state NOT IN ('Running', 'Paused', 'Completed') OR started_at IS NOT NULL),
    CHECK ((state = 'Paused') = (paused_at IS NOT NULL)),
    CHECK ((state IN ('Aborted', 'Completed')) = (finished_at IS NOT NULL)),
    CHECK (NOT is_rehearsal OR state IN ('Planned', 'Aborted', 'Completed'))
);
CREATE INDEX campaigns_planned ON campaigns (created_at) WHERE state = 'Planned';

-- A certificate that is to be replaced. Whoever opens its successor holds the row's lock, and other replicas pass it by.
CREATE TABLE campaign_domains (
    campaign_id      uuid NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    domain_id        uuid NOT NULL REFERENCES domains,
    bundle_id        uuid NOT NULL REFERENCES bundles,    -- the one to be replaced: served when the plan was made
    rank             int NOT NULL CHECK (rank > 0),       -- 1 is the most urgent
    state            text NOT NULL CHECK (state IN
        ('Planned', 'Waiting', 'Ordered', 'Failed', 'Replaced', 'Skipped', 'GivenUp', 'Dropped', 'Rehearsed')),
    obstacle         text CHECK (obstacle IN ('Left', 'Gone', 'OtherCampaign')),   -- why it is skipped
    order_id         uuid REFERENCES orders,  -- its successor's
    attempts         int NOT NULL DEFAULT 0 CHECK (attempts >= 0),    -- orders that failed
    next_attempt_at  timestamptz,             -- after a failure
    reason           text,                    -- why the last order failed: a code of Http/Reasons.cs
    detail           text,
    expected_at      timestamptz,             -- when its successor is expected to be proven
    settled_at       timestamptz,
    PRIMARY KEY (campaign_id, domain_id),
    UNIQUE (campaign_id, rank),
    CHECK ((state = 'Skipped') = (obstacle IS NOT NULL)),
    CHECK (state NOT IN ('Ordered', 'Replaced') OR order_id IS NOT NULL),
    CHECK (state NOT IN ('Failed', 'GivenUp') OR reason IS NOT NULL),
    CHECK ((state = 'Failed') = (next_attempt_at IS NOT NULL)),
    CHECK ((state IN ('Replaced', 'GivenUp', 'Dropped', 'Rehearsed')) = (settled_at IS NOT NULL))
);
-- A domain is in one campaign at a time: two would order twice.
CREATE UNIQUE INDEX campaign_domains_one_at_a_time ON campaign_domains (domain_id)
    WHERE state IN ('Waiting', 'Ordered', 'Failed');
CREATE INDEX campaign_domains_open ON campaign_domains (campaign_id, state, rank)
    WHERE state IN ('Waiting', 'Ordered', 'Failed', 'Skipped');
-- By how much the last ones came before or after their time.
CREATE INDEX campaign_domains_settled ON campaign_domains (campaign_id, settled_at DESC) WHERE state = 'Replaced';
CREATE INDEX campaign_domains_by_order ON campaign_domains (order_id) WHERE state = 'Ordered';

-- What happened to a campaign, beside what happened to its domains.
ALTER TABLE events ADD COLUMN campaign_id uuid REFERENCES campaigns;
CREATE INDEX events_by_campaign ON events (campaign_id, id) WHERE campaign_id IS NOT NULL;
