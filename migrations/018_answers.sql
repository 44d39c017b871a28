-- What a node's answer is about, and how much it may have to say.

-- The revision that brought the row's bundle. The row's own revision may be a later one: a change that is held moves
-- behind a withdrawal, and what a canary answered before that still holds, while an answer to the bundle before this
-- one does not.
ALTER TABLE desired_state ADD COLUMN brought_at_revision bigint;
UPDATE desired_state SET brought_at_revision = revision;

-- Events that a node's reports were worth within a minute: past a bound they are counted and not written.
ALTER TABLE nodes
    ADD COLUMN events_since  timestamptz,
    ADD COLUMN events_asked  int NOT NULL DEFAULT 0 CHECK (events_asked >= 0);
