-- Who registered so long ago is found by the age of their password, oldest first.
CREATE INDEX credentials_created_at ON credentials (created_at, id) WHERE kind = 'password';
