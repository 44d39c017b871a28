-- Domains whose DNS leads elsewhere after they were active: looked at now and then, told, and at last not renewed.
ALTER TABLE domains
    ADD COLUMN dns_look_due_at      timestamptz,  -- when its DNS is looked at next; null: not planned yet
    ADD COLUMN dns_away_since       timestamptz,  -- the first look, in a row, that found it elsewhere
    ADD COLUMN dns_failed_looks     int NOT NULL DEFAULT 0 CHECK (dns_failed_looks >= 0),  -- how many in that row
    ADD COLUMN renewals_stopped_at  timestamptz,
    ADD CHECK ((dns_away_since IS NULL) = (dns_failed_looks = 0)),
    ADD CHECK (renewals_stopped_at IS NULL OR dns_away_since IS NOT NULL);
CREATE INDEX domains_dns_look_due ON domains (dns_look_due_at NULLS FIRST) WHERE status = 'Active';
