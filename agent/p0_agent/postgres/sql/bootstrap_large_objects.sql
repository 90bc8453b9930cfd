
-- The large objects that are here now; who makes one later grants it as this does.
DO $p0$
DECLARE
  one oid;
BEGIN
  FOR one IN SELECT l.oid FROM pg_catalog.pg_largeobject_metadata l LOOP
    BEGIN
      EXECUTE pg_catalog.format('GRANT SELECT, UPDATE ON LARGE OBJECT %s TO %I WITH GRANT OPTION', one, {broker_name});
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'only its owner can grant: large object %', one;
    END;
  END LOOP;
END
$p0$;
