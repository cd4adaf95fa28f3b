-- What others do to accounts and to roles: what the one who did it is, to which role, what that role gives from then on,
-- and why.
ALTER TABLE activity
    ADD COLUMN actor_kind text,
    ADD COLUMN role       text,
    ADD COLUMN rules      text[],
    ADD COLUMN reason     text;
