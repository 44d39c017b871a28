-- The support console: who is signed in, and indexes for what its pages count.

-- A browser that signed in with a key of support or admin. Of its id only the SHA-256 is kept, as of a key, and whether the
-- key is still good is asked with each request. Ends 12 hours after created_at, an hour after last_used_at
-- (SupportConsole/Sessions).
CREATE TABLE console_sessions (
    id_hash       bytea PRIMARY KEY CHECK (length(id_hash) = 32),
    api_key_id    uuid NOT NULL REFERENCES api_keys,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL
);
CREATE INDEX console_sessions_by_key ON console_sessions (api_key_id, created_at);

-- How many domains are in which state, and in which fleet, and what each is served with: read from the index alone.
CREATE INDEX domains_by_status ON domains (status, fleet_id, id) INCLUDE (active_bundle_id);
-- By the beginning of the name, which the collation's own order does not serve.
CREATE INDEX domains_by_prefix ON domains (hostname text_pattern_ops);
-- What is away is a handful.
CREATE INDEX domains_away ON domains (id) WHERE dns_away_since IS NOT NULL;
-- The last ones that became active.
CREATE INDEX domains_by_activation ON domains (activated_at) WHERE activated_at IS NOT NULL;

-- What is not served yet, did not come through, or has a reason to tell: few beside those that are served, and all that
-- anybody waits for.
CREATE INDEX orders_unserved ON orders (domain_id, sequence, state, reason)
    WHERE reason IS NOT NULL OR state NOT IN ('Active', 'Superseded', 'Canceled');

-- What a node does not serve though it answered for it. How many it serves is the rest, counted from the primary key.
CREATE INDEX node_observations_unserved ON node_observations (node_id, domain_id, state) WHERE state <> 'Serving';

-- When certificates end, without their leaves.
CREATE INDEX bundles_by_expiry ON bundles (not_after, domain_id, id);
