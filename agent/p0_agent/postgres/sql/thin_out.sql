-- Drops up to {batch} objects that {owner}, who executes it, owns in this database: the newest first, and those first that
-- nothing depends on. In the session that it is for, the search path is pg_catalog alone.
DO {quote}
DECLARE
  statement text;
  dropped integer := 0;
BEGIN
  FOR statement IN
    SELECT format('DROP %s %s', CASE i.type WHEN 'statistics object' THEN 'statistics' WHEN 'composite type' THEN 'type'
      WHEN 'aggregate' THEN 'routine' /* which may have no arguments */ ELSE i.type END, i.identity)
    FROM pg_shdepend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = {owner} AND d.deptype = 'o'
      AND d.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
      AND d.classid NOT IN ('pg_largeobject'::regclass, 'pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
      AND i.identity IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = d.classid AND p.objid = d.objid AND p.deptype IN ('i', 'e'))
    ORDER BY EXISTS (SELECT FROM pg_depend p WHERE p.refclassid = d.classid AND p.refobjid = d.objid AND p.deptype = 'n'),
      d.objid::bigint DESC
    LIMIT 10 * {batch} -- of which some may be in need of each other
  LOOP
    EXIT WHEN dropped = {batch};
    BEGIN
      EXECUTE statement;
      dropped := dropped + 1;
    EXCEPTION
      WHEN dependent_objects_still_exist OR undefined_object OR undefined_function OR undefined_table THEN
        NULL; -- it is needed yet, or went with another
      WHEN out_of_memory THEN -- no room for its locks beside those of the others
        EXIT;
    END;
  END LOOP;
  IF dropped > 0 THEN
    RETURN;
  END IF;
  -- Tables that refer to each other: neither goes before the other's constraint.
  FOR statement IN
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', n.conrelid::regclass, n.conname)
    FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid JOIN pg_class t ON t.oid = n.confrelid
    WHERE n.contype = 'f' AND n.conparentid = 0 AND c.relowner = {owner} AND t.relowner = {owner} AND c.oid <> t.oid
    LIMIT {batch}
  LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN out_of_memory THEN
      EXIT;
    END;
  END LOOP;
END
{quote}
