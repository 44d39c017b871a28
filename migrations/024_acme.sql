-- Our account at an ACME CA: one for each configuration and directory, whichever replica is first. A CA knows an account
-- by its key, which is in the vault like every private key; so the row that takes the key decides which account it is.
CREATE TABLE acme_accounts (
    ca             text NOT NULL,             -- the configuration's name
    directory      text NOT NULL,
    key_id         uuid NOT NULL UNIQUE,      -- in the vault, which is behind a port: no foreign key
    url            text,                      -- null: the CA has not named it yet, or says that it does not know it
    created_at     timestamptz NOT NULL,
    registered_at  timestamptz,
    PRIMARY KEY (ca, directory),
    CHECK ((url IS NULL) = (registered_at IS NULL))
);
