-- Rotation of the key-encryption key: which rows are under which key, how far a rewrap is, and what could not be moved.

CREATE INDEX vault_keys_by_kek ON vault_keys (kek_id, id);

-- A walk through the vault that brings every data key under one key-encryption key. The rows themselves say what is left;
-- this says where to, and how much is done.
CREATE TABLE vault_rewraps (
    id           uuid PRIMARY KEY,
    to_kek_id    text NOT NULL,
    started_at   timestamptz NOT NULL,
    done         int NOT NULL DEFAULT 0 CHECK (done >= 0),  -- counted in the commit that moved the rows
    finished_at  timestamptz
);
-- Two towards different keys would undo each other.
CREATE UNIQUE INDEX vault_rewraps_one_open ON vault_rewraps ((true)) WHERE finished_at IS NULL;

-- Gone with the row it tells of, or when the row was moved after all.
CREATE TABLE vault_rewrap_failures (
    key_id           uuid PRIMARY KEY REFERENCES vault_keys ON DELETE CASCADE,
    kek_id           text NOT NULL,
    reason           text NOT NULL,
    attempts         int NOT NULL CHECK (attempts > 0),
    failed_at        timestamptz NOT NULL,
    next_attempt_at  timestamptz NOT NULL
);
