-- After a restore the ledger lacks what was released between the backup and the restore. A node that shows the certificate
-- of a bundle known here has its key: the row is added when that is seen, and says how it was learned. released_at is then
-- when it was seen, and sealing_key_id the node's key of that moment.
ALTER TABLE bundle_releases ADD COLUMN learned boolean NOT NULL DEFAULT false;
