-- Who fetched validation tokens, as the nodes that answered told it. For people: nothing is decided by these rows. A
-- token's place is public, so that their number is bounded for each order and each source.
CREATE TABLE token_visits (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES orders,
    node_id     uuid NOT NULL REFERENCES nodes,
    at          timestamptz NOT NULL,
    source      text,      -- an IP address; null when the node did not know
    user_agent  text,      -- a stranger's own word
    status      int NOT NULL CHECK (status BETWEEN 100 AND 599),
    bytes       int NOT NULL CHECK (bytes >= 0)
);
CREATE INDEX token_visits_by_order ON token_visits (order_id, id);
CREATE INDEX token_visits_by_time ON token_visits (at);
