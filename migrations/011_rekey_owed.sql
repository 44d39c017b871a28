-- A ban stands by itself, and which bundles it asks to be replaced is recorded after it: true means that this is still owed.
ALTER TABLE node_bans ADD COLUMN rekey_owed boolean NOT NULL DEFAULT false CHECK (NOT rekey_owed OR rekey_asked_at IS NOT NULL);
CREATE INDEX node_bans_owed ON node_bans (node_id) WHERE rekey_owed;
