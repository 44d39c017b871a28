-- The audit trail: who did what, to what, from where, with which outcome. The program's role may insert here and read, and
-- nothing else (Database/RunningRole.cs), and a sweep seals the entries in batches that are chained by hash, so that even an
-- owner of the tables who edits them is found out by `ControlPlane audit verify`.

-- A request leaves two entries: `asked`, committed before its handler runs, and `answered` with the status. One that was
-- refused before it came to a handler leaves `refused`, and repeats of it within a minute are counted in `repeats`. What needs
-- no answer (a sweep that destroyed a key, in the transaction in which it did) is `done`. An `asked` without its `answered` is
-- one whose program died: what came of it is told by the events and rows it was about.
CREATE TABLE audit_entries (
    -- First on purpose: defaults are computed in the order of columns, so that a transaction has its number before it
    -- takes an id, and an id that was given out belongs to a transaction that a snapshot can see.
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    phase       text NOT NULL CHECK (phase IN ('asked', 'answered', 'refused', 'done')),
    actor_kind  text NOT NULL CHECK (actor_kind IN ('key', 'node', 'anonymous', 'command', 'system')),
    actor_id    uuid,                       -- the API key or the node
    actor       text,                       -- its name; of a command the user of the operating system; of the system the job
    role        text,
    tenant      text,                       -- the key's
    operation   text NOT NULL,              -- the operationId of the OpenAPI document, or the command or job
    target      text,                       -- a path, without its query
    address     text,                       -- where from: an IP address, or the machine of a command
    request_id  text,                       -- joins asked and answered; traceId of a problem
    outcome     text,                       -- an HTTP status, or a word
    repeats     int NOT NULL DEFAULT 1 CHECK (repeats > 0),
    CHECK ((phase = 'asked') = (outcome IS NULL))
);
CREATE INDEX audit_entries_by_time ON audit_entries (at);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor_id, id) WHERE actor_id IS NOT NULL;

-- hash = SHA-256 over the batch's own columns, the hash before it, and id and digest of each entry in order of ids
-- (Audit/AuditHash.cs). settled_id says that every id up to it had been sealed or would never appear: whatever is
-- found below it and in no batch was slipped in. high_id and high_xid are what the next batch learns that from.
CREATE TABLE audit_batches (
    number         bigint PRIMARY KEY CHECK (number > 0),
    entries        int NOT NULL CHECK (entries > 0),
    settled_id     bigint NOT NULL,
    high_id        bigint NOT NULL,
    high_xid       xid8 NOT NULL,            -- above that of every transaction that was given an id up to high_id
    previous_hash  bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash           bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    sealed_at      timestamptz NOT NULL
);

-- Which entry is in which batch, and what it was when it was sealed. The key makes sure that none is sealed twice.
CREATE TABLE audit_sealed (
    entry_id  bigint PRIMARY KEY,
    batch     bigint NOT NULL REFERENCES audit_batches,
    digest    bytea NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX audit_sealed_by_batch ON audit_sealed (batch, entry_id);

-- The program's role may add rows to both, and must not be able to make a batch that was sealed say something else: a row
-- more in it would leave it broken for ever, and hide what is done to it afterwards. So a batch is filled by the transaction
-- that makes it and by no other, and it follows the one before. Everything is named with its schema, because a temporary
-- table of the same name would come first.
CREATE FUNCTION audit_batch_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last public.audit_batches;
    settled bigint := 0;
    high bigint;
BEGIN
    SELECT * INTO last FROM public.audit_batches ORDER BY number DESC LIMIT 1;
    IF FOUND THEN
        settled := CASE WHEN last.high_xid <= pg_snapshot_xmin(pg_current_snapshot()) THEN last.high_id
            ELSE last.settled_id END;
    END IF;
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO high FROM public.audit_entries_id_seq;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.previous_hash <> coalesce(last.hash, decode(repeat('00', 32), 'hex'))
        OR NEW.high_xid <> pg_current_xact_id()
        -- Whatever is found below settled_id later is called slipped in, and is never sealed.
        OR NEW.settled_id NOT BETWEEN coalesce(last.settled_id, 0) AND settled
        OR NEW.high_id NOT BETWEEN coalesce(last.high_id, 0) AND high THEN
        RAISE EXCEPTION 'audit batch % does not follow the one before it', NEW.number
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit_sealed_at_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Two marks: numbers of transactions begin anew in a restored cluster, and xmin alone has 32 bits of them.
    IF NOT EXISTS (SELECT FROM public.audit_batches b WHERE b.number = NEW.batch
            AND b.high_xid = pg_current_xact_id() AND b.xmin = pg_current_xact_id()::xid)
        OR NOT EXISTS (SELECT FROM public.audit_entries e WHERE e.id = NEW.entry_id) THEN
        RAISE EXCEPTION 'entry % cannot be sealed in batch % any more, or is not there', NEW.entry_id, NEW.batch
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_batch_follows BEFORE INSERT ON audit_batches
    FOR EACH ROW EXECUTE FUNCTION audit_batch_follows();
CREATE TRIGGER audit_sealed_at_once BEFORE INSERT ON audit_sealed
    FOR EACH ROW EXECUTE FUNCTION audit_sealed_at_once();
