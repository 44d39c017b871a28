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

ALTER TABLE orders
    -- Until when the CA's order covers further certificates, which are reissued under it for nothing. An upper bound: the
    -- order is read before anything is asked for under it. Null: at this CA each certificate is an order of its own.
    ADD COLUMN ca_valid_until    timestamptz,
    -- The CA's order that this one is to follow, by its id there; null: none, or the CA refused the link.
    ADD COLUMN renewal_of        text,
    -- How the CA's order stood before a reissue was asked for: what a lost answer is recognised by.
    ADD COLUMN reissue_baseline  jsonb CHECK (reissue_baseline IS NULL OR ca_order_id IS NOT NULL);
-- CertCentral names its orders by numbers, and a plan covers a year.
UPDATE orders SET ca_valid_until = created_at + interval '1 year' WHERE ca_order_id ~ '^[0-9]+$' AND bundle_id IS NOT NULL;
