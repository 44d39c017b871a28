-- Files of names. A file is taken in whole, its rows are registered afterwards, a few at a time, by any replica that runs
-- jobs. There is no lease: a row is locked by the transaction that registers its name and writes its outcome. So a worker
-- that is killed leaves the row as it was, and no row is worked twice.
CREATE TABLE imports (
    id           uuid PRIMARY KEY,
    tenant_id    uuid REFERENCES tenants,    -- a portal's; null: an operator's
    api_key_id   uuid NOT NULL REFERENCES api_keys,   -- on whose word the names are registered: revoked, it ends
    role         text NOT NULL CHECK (role IN ('Portal', 'Support', 'Admin')),
    rows         int NOT NULL CHECK (rows > 0),
    registered   int NOT NULL DEFAULT 0,     -- these four are counted from the rows after each turn
    unchanged    int NOT NULL DEFAULT 0,
    refused      int NOT NULL DEFAULT 0,
    canceled     int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    worked_at    timestamptz,                -- the last turn: whoever waited longest is next
    canceled_at  timestamptz,
    finished_at  timestamptz,
    CHECK ((role = 'Portal') = (tenant_id IS NOT NULL)),
    CHECK (registered + unchanged + refused + canceled <= rows)
);
CREATE INDEX imports_by_tenant ON imports (tenant_id, id);
CREATE INDEX imports_under_way ON imports (worked_at) WHERE finished_at IS NULL;
CREATE INDEX imports_finished ON imports (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE import_rows (
    import_id  uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
    line       int NOT NULL CHECK (line > 0),   -- where it begins in the file
    hostname   text NOT NULL,                -- for people: empty where the row could not be read
    request    text,                         -- what POST /v1/domains would be sent; null: the row could not be read
    outcome    text NOT NULL CHECK (outcome IN ('Pending', 'Registered', 'Unchanged', 'Refused', 'Canceled')),
    same_as    int,                          -- an earlier line of the file with the same name
    domain_id  uuid REFERENCES domains,
    problem    text,                         -- JSON; text, because jsonb holds no escaped zero character
    attempts   int NOT NULL DEFAULT 0 CHECK (attempts >= 0),   -- surprises
    PRIMARY KEY (import_id, line),
    CHECK (outcome <> 'Pending' OR request IS NOT NULL),
    CHECK (outcome <> 'Registered' OR domain_id IS NOT NULL),
    CHECK ((outcome = 'Refused') = (problem IS NOT NULL))
);
CREATE INDEX import_rows_pending ON import_rows (import_id, attempts, line) WHERE outcome = 'Pending';

-- The first order of a name that came with a file. Such orders are worked on after those for which a customer waits, and
-- leave the CA's calls to them that renewals leave.
ALTER TABLE orders ADD COLUMN in_bulk boolean NOT NULL DEFAULT false;
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (state, in_bulk, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
