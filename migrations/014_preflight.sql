-- What a look at the name with the CA's eyes found: a list of {code, detail, blocks, records}, what blocks first.
-- Parts of it were written by strangers' DNS, hence the bounds, which the program keeps with room to spare.
ALTER TABLE orders
    ADD COLUMN findings jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(findings) = 'array' AND jsonb_array_length(findings) <= 8
            AND octet_length(findings::text) <= 262144);
