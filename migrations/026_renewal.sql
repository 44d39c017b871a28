-- Renewal: when a served certificate gets its successor, how often that failed, and what is asked of the CA for it.

ALTER TABLE domains
    -- When the successor of active_bundle_id is due, or due again after an attempt failed; null: nothing is served, or it
    -- is not planned yet. Planned when the bundle is proven, on the day that has the fewest others.
    ADD COLUMN renew_at             timestamptz,
    -- Attempts that failed since that bundle is served.
    ADD COLUMN renewal_failures     int NOT NULL DEFAULT 0 CHECK (renewal_failures >= 0),
    -- When operators were alarmed that few days are left; once for each certificate.
    ADD COLUMN renewal_alarmed_at   timestamptz,
    -- When the CA is asked next for the window in which it would have the bundle renewed; null: it was not asked yet.
    ADD COLUMN window_look_due_at   timestamptz;
-- What is due, what is not planned, and how many each day has: from the index alone.
CREATE INDEX domains_renewals_due ON domains (renew_at NULLS FIRST) WHERE status = 'Active';
CREATE INDEX domains_window_look_due ON domains (window_look_due_at NULLS FIRST) WHERE status = 'Active';
