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
