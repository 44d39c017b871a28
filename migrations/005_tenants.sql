-- Tenants that can be closed, and keys that can be rotated, end by themselves and have a rate of their own.

-- Its keys are refused; its domains go on being served and renewed, because their visitors did nothing.
ALTER TABLE tenants ADD COLUMN disabled_at timestamptz;
-- A tenant is named by id or by name, wherever it is named: no name may look like an id. Not asked of names given before.
ALTER TABLE tenants ADD CONSTRAINT tenants_name_is_no_id
    CHECK (name !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$') NOT VALID;

ALTER TABLE api_keys
    ADD COLUMN expires_at           timestamptz,   -- refused from then on; null: never
    ADD COLUMN requests_per_second  int CHECK (requests_per_second BETWEEN 1 AND 10000),  -- null: its role's
    ADD COLUMN predecessor_id       uuid REFERENCES api_keys;  -- the key that it was rotated from
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);
CREATE INDEX api_keys_by_predecessor ON api_keys (predecessor_id) WHERE predecessor_id IS NOT NULL;
