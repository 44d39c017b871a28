-- Which key-encryption keys the running replicas hold: a rewrap must not move rows where a live replica cannot follow,
-- and a key that one still seals under must not be called safe to remove.

-- Written every 15 seconds by each replica that holds keys, removed when it stops. Silent for 60 seconds, it is dead.
CREATE TABLE vault_replicas (
    id              uuid PRIMARY KEY,        -- of one run of the program
    current_kek_id  text NOT NULL,           -- what it seals new keys under
    kek_ids         text[] NOT NULL,         -- all that it holds, the current one among them
    seen_at         timestamptz NOT NULL     -- by the database's clock: the replicas' own may differ
);
