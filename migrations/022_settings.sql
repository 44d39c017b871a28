-- What a portal sets on a domain and may change while it is served, and what its lists can be asked for.

ALTER TABLE domains
    -- The portal's own words, kept and shown and never interpreted: text to text.
    ADD COLUMN metadata     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    -- The lowest version of TLS in which nodes answer for the name.
    ADD COLUMN tls_minimum  text NOT NULL DEFAULT '1.2' CHECK (tls_minimum IN ('1.2', '1.3'));

-- What nodes are told goes the way of a bundle: into a change, and with it into desired state under a new revision. The
-- change carries the value. Were it read from domains by the publisher, a change that is made anew while the publisher
-- waits for its row would come with the value of an older snapshot.
ALTER TABLE desired_changes
    ADD COLUMN tls_minimum  text NOT NULL DEFAULT '1.2' CHECK (tls_minimum IN ('1.2', '1.3'));
ALTER TABLE desired_state
    -- Of no meaning in a tombstone.
    ADD COLUMN tls_minimum  text NOT NULL DEFAULT '1.2' CHECK (tls_minimum IN ('1.2', '1.3'));

-- The end of the certificate that is served: of active_bundle_id, and set with it. A copy, because a list that is asked
-- for what ends soon must not read through all bundles that ever were.
ALTER TABLE domains ADD COLUMN expires_at timestamptz;
UPDATE domains SET expires_at = bundles.not_after FROM bundles WHERE bundles.id = domains.active_bundle_id;

-- A list is read in the order of ids, and a filter that fits few finds them here; one that fits many needs none.
CREATE INDEX domains_by_expiry ON domains (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX domains_by_metadata ON domains USING gin (metadata jsonb_path_ops);
CREATE INDEX domains_of_status ON domains (status, id);
CREATE INDEX domains_lost ON domains (id) WHERE claim = 'Lost';
CREATE INDEX orders_by_reason ON orders (reason, state);
