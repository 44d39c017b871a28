-- When a webhook's last turn began, by the database's clock: whose is longest ago is next. By how far each is behind,
-- receivers that are slow, and so always furthest behind, would go before all others.
ALTER TABLE webhooks ADD COLUMN last_turn_at timestamptz;
