-- Events that programs can follow and have sent to them, and how long a domain waited for whom.

-- What an event says to a program, beside the sentence: how the domain stood once the change was made.
ALTER TABLE events ADD COLUMN data jsonb;

-- Numbers of events grow, but transactions commit in any order: a reader that went past a number still to be committed
-- would never see it. The number is taken only by a transaction that has an id already; so whoever reads the last number
-- given out and is then given a transaction id of its own knows that every smaller number is held by a smaller id. Such a
-- pair is a mark: once all smaller transaction ids have ended, everything up to its number is there to see.
ALTER TABLE events ALTER COLUMN id DROP IDENTITY;
CREATE SEQUENCE events_id_seq OWNED BY events.id;
SELECT setval('events_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM events), false);

CREATE FUNCTION events_numbered() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_current_xact_id();
    NEW.id := nextval('public.events_id_seq');
    RETURN NEW;
END $$;
CREATE TRIGGER events_numbered BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_numbered();

CREATE TABLE event_marks (
    id   bigint PRIMARY KEY,
    xid  xid8 NOT NULL
);

-- Everything up to here is there to see, now and for good.
CREATE FUNCTION events_settled() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS 'SELECT coalesce(max(id), 0) FROM public.event_marks WHERE xid <= pg_snapshot_xmin(pg_current_snapshot())';

-- Call it by itself, in a transaction that has written nothing: the id it is given must be newer than the number it read.
-- In a cluster that was restored ids begin anew: the smaller one counts.
CREATE FUNCTION mark_events() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settled bigint := public.events_settled();
    given bigint;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'mark_events() needs a transaction of its own';
    END IF;
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO given FROM public.events_id_seq;
    IF given > settled THEN
        INSERT INTO public.event_marks AS mark (id, xid) VALUES (given, pg_current_xact_id())
        ON CONFLICT (id) DO UPDATE SET xid = excluded.xid WHERE mark.xid > excluded.xid;
        DELETE FROM public.event_marks WHERE id < settled;
    END IF;
END $$;

-- How long an order waited for whom, counted when it moves or its reason changes; counted up to waits_counted_to.
ALTER TABLE orders
    ADD COLUMN waited_for_customer  interval NOT NULL DEFAULT '0',
    ADD COLUMN waited_for_us        interval NOT NULL DEFAULT '0',
    ADD COLUMN waited_for_ca        interval NOT NULL DEFAULT '0',
    ADD COLUMN waited_for_nodes     interval NOT NULL DEFAULT '0',
    ADD COLUMN waits_counted_to     timestamptz NOT NULL DEFAULT now();
UPDATE orders SET waits_counted_to = state_since;

-- ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- An address of a tenant that is told of its events. The events are the queue: cursor says how far this one is. Rows of
-- webhook_deliveries exist only for what failed at the first attempt.
CREATE TABLE webhooks (
    id                 uuid PRIMARY KEY,
    tenant_id          uuid NOT NULL REFERENCES tenants,
    url                text NOT NULL,
    description        text NOT NULL,
    event_types        text[] NOT NULL,
    enabled            boolean NOT NULL,
    disabled_because   text CHECK (disabled_because IN ('Owner', 'Gone', 'Failing')),
    cursor             bigint NOT NULL CHECK (cursor >= 0),
    rewinds            int NOT NULL DEFAULT 0,    -- times the cursor was set back: whoever sends then lets go of it
    failures           int NOT NULL DEFAULT 0,    -- events in a row, since the last success
    failing_since      timestamptz,
    holds              int NOT NULL DEFAULT 0,    -- in a row: picks the next pause
    held_until         timestamptz,               -- nothing is sent before
    last_delivered_at  timestamptz,
    lease_until        timestamptz,               -- the database's clock
    lease_token        uuid,
    created_at         timestamptz NOT NULL,
    CHECK (enabled = (disabled_because IS NULL)),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL))
);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

-- Secrets are sealed (HPKE) to a key whose private half is in the vault: any replica makes them, only those that open the
-- vault sign with them. A later key takes over for new secrets.
CREATE TABLE webhook_sealing_keys (
    id          uuid PRIMARY KEY,              -- of the private half in the vault, which is behind a port: no foreign key
    public_key  bytea NOT NULL,                -- SubjectPublicKeyInfo, P-256
    created_at  timestamptz NOT NULL
);
CREATE TABLE webhook_secrets (
    id              uuid PRIMARY KEY,
    webhook_id      uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    sealing_key_id  uuid NOT NULL REFERENCES webhook_sealing_keys,
    encapsulation   bytea NOT NULL,
    ciphertext      bytea NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX webhook_secrets_by_webhook ON webhook_secrets (webhook_id, id);

CREATE TABLE webhook_deliveries (
    id               uuid PRIMARY KEY,
    webhook_id       uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id         bigint REFERENCES events,   -- null: a test
    status           text NOT NULL CHECK (status IN ('Retrying', 'Delivered', 'Dead')),
    attempts         int NOT NULL CHECK (attempts >= 0),   -- since it was made or resent
    next_attempt_at  timestamptz,
    last_attempt_at  timestamptz,
    last_status      int,                        -- what the receiver answered; null: it did not
    last_fault       text,
    created_at       timestamptz NOT NULL,
    CHECK ((status = 'Retrying') = (next_attempt_at IS NOT NULL))
);
CREATE UNIQUE INDEX webhook_deliveries_of_event ON webhook_deliveries (webhook_id, event_id);
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, status, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE status = 'Retrying';
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (last_attempt_at) WHERE status <> 'Retrying';
