  -- Casts have no owner: DROP OWNED leaves them, and then fails for the types and functions that they are of. Nobody can go on
  -- using one without its types, whoever made it. PostgreSQL's own come first, by their OIDs; a range's go with it. Most databases
  -- have no others, and planning the query for them costs more than all the rest here.
  IF EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.oid >= 16384) THEN
    FOR statement IN
      SELECT pg_catalog.format('DROP CAST (%s AS %s)', c.castsource::regtype, c.casttarget::regtype) FROM pg_catalog.pg_cast c
      WHERE c.oid >= 16384 AND EXISTS (
        SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_roles o ON o.oid = t.typowner
        WHERE t.oid IN (c.castsource, c.casttarget) AND o.rolname = ANY (roles))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_cast'::regclass AND d.objid = c.oid
                        AND d.deptype IN ('i', 'e'))
    LOOP
      EXECUTE statement;
    END LOOP;
  END IF;
