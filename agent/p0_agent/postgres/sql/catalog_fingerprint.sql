-- Changes whenever the snapshot could. Rows that a GRANT rewrites are hashed by what matters of them; for the others
-- the version of the row will do.
WITH place AS (
  SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY(%(schemas)s)
), relation AS (
  SELECT c.* FROM pg_catalog.pg_class c JOIN place ON place.oid = c.relnamespace
), part (hash) AS (
  SELECT pg_catalog.hashtextextended(place::text, 1) FROM place
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(
    ' ', c.oid, c.relname, c.relnamespace, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
    CASE WHEN c.relkind = 'v' OR c.relrowsecurity
         THEN (SELECT pg_catalog.concat_ws(' ', r.rolname, r.rolsuper OR r.rolbypassrls) FROM pg_catalog.pg_roles r
               WHERE r.oid = c.relowner) END), 2) FROM relation c
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(
    ' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity,
    a.attgenerated, a.attisdropped), 3)
  FROM pg_catalog.pg_attribute a JOIN relation c ON c.oid = a.attrelid AND a.attnum > 0
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', f.oid, f.xmin), 4)
  FROM pg_catalog.pg_attrdef f JOIN relation c ON c.oid = f.adrelid
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', k.oid, k.xmin), 5)
  FROM pg_catalog.pg_constraint k JOIN place ON place.oid = k.connamespace
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', r.oid, r.xmin), 6)
  FROM pg_catalog.pg_rewrite r JOIN relation c ON c.oid = r.ev_class
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', t.oid, t.xmin), 7)
  FROM pg_catalog.pg_trigger t JOIN relation c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', i.inhrelid, i.inhparent), 8)
  FROM pg_catalog.pg_inherits i JOIN relation c ON c.oid = i.inhrelid
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(
    ' ', p.oid, p.proname, p.prokind, p.prosecdef, p.provolatile, p.prolang, p.proargtypes, p.proallargtypes, p.proargmodes,
    p.proargnames, p.pronargdefaults, p.proargdefaults, p.provariadic, p.prorettype, p.proretset, p.proconfig, p.prosrc, p.prosqlbody,
    CASE p.prokind WHEN 'a' THEN (SELECT a.xmin FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid) END,
    pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')), 9)
  FROM pg_catalog.pg_proc p JOIN place ON place.oid = p.pronamespace
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(
    ' ', t.oid, t.typname, t.typbasetype, t.typtypmod, t.typdefault,
    pg_catalog.has_type_privilege('public', t.oid, 'USAGE')), 10)
  FROM pg_catalog.pg_type t JOIN place ON place.oid = t.typnamespace
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', o.oid, o.xmin), 11)
  FROM pg_catalog.pg_operator o JOIN place ON place.oid = o.oprnamespace
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', y.oid, y.xmin), 13)
  FROM pg_catalog.pg_policy y JOIN relation c ON c.oid = y.polrelid
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', c.oid, c.castfunc, c.castcontext), 15)
  FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', e.oid, e.xmin), 16) FROM pg_catalog.pg_event_trigger e
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', s.oid, s.amproc), 17)
  FROM pg_catalog.pg_amproc s WHERE s.oid >= 16384
  UNION ALL
  SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', m.oid, m.amopopr), 18)
  FROM pg_catalog.pg_amop m WHERE m.oid >= 16384
  UNION ALL
  SELECT pg_catalog.hashtextextended(i.indexrelid::text, 14)
  FROM pg_catalog.pg_index i JOIN relation c ON c.oid = i.indrelid WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  UNION ALL
  SELECT pg_catalog.hashtextextended(d::text, 12) FROM pg_catalog.pg_description d
  WHERE d.classoid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_type'::regclass)
    AND d.objoid >= 16384
)
SELECT count(*)::text || ' ' || sum(hash)::text FROM part
