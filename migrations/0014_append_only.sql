-- The log and the audit are only appended to, whoever is at work: their owner, too, can't change or delete what is
-- stored, unless the transaction says first that it will and why. That stays in the audit.
CREATE FUNCTION unlock_log(why text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(why), '') = '' THEN
        RAISE EXCEPTION 'unlock_log needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO audit (actor, action, target, outcome, reason, request_id)
    VALUES (session_user, 'unlock_log', 'transaction ' || pg_current_xact_id(), 'done', why, '');
    PERFORM set_config('daybook.unlocked_by', pg_current_xact_id()::text, true);
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
    IF current_setting('daybook.unlocked_by', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        RAISE EXCEPTION '% is only appended to', TG_TABLE_NAME USING
            ERRCODE = 'restrict_violation',
            HINT = 'A transaction that calls unlock_log(why) first may change it; the audit keeps that it did.';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
