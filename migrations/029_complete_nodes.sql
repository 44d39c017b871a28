-- A serving node that answered for every active domain of its fleet: none of its observations is missing, so that who
-- looks for what it does not serve reads node_observations_unserved and nothing else. It stays so, as a domain becomes
-- active with the proof of every serving node. Set by a sweep (Nodes/Observing/CompleteNodes), and taken back when a
-- node becomes Serving and when an epoch is raised. Of a node that is not Serving it says nothing.
ALTER TABLE nodes ADD COLUMN shows_all boolean NOT NULL DEFAULT false;
