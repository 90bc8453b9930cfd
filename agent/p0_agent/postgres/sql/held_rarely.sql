-- As `held`, of functions, types and large objects: most accesses have none of them, and the look at them is a quarter more.
SELECT pg_catalog.pg_get_userbyid(s.refobjid)::text AS role, 'function' AS kind, n.nspname::text AS schema,
       p.proname || '(' || pg_catalog.array_to_string(ARRAY(
         SELECT pg_catalog.format_type(arg.type, NULL)
         FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ') || ')' AS object,
       NULL AS column, a.privilege_type AS privilege, a.is_grantable AS grantable, pg_catalog.cardinality(p.proacl) AS entries
FROM {dependencies} AS s
JOIN pg_catalog.pg_proc p ON p.oid = s.objid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) AS a
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN ({roles}) AND a.grantee = s.refobjid
  AND s.classid = 'pg_catalog.pg_proc'::regclass AND s.deptype = 'a' AND s.dbid = {here}
UNION ALL
SELECT pg_catalog.pg_get_userbyid(s.refobjid), 'type', n.nspname, t.typname, NULL, a.privilege_type, a.is_grantable,
       pg_catalog.cardinality(t.typacl)
FROM {dependencies} AS s
JOIN pg_catalog.pg_type t ON t.oid = s.objid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(t.typacl) AS a
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN ({roles}) AND a.grantee = s.refobjid
  AND s.classid = 'pg_catalog.pg_type'::regclass AND s.deptype = 'a' AND s.dbid = {here}
UNION ALL
SELECT pg_catalog.pg_get_userbyid(s.refobjid), 'large_object', NULL, l.oid::text, NULL, a.privilege_type, a.is_grantable,
       pg_catalog.cardinality(l.lomacl)
FROM {dependencies} AS s
JOIN pg_catalog.pg_largeobject_metadata l ON l.oid = s.objid
CROSS JOIN LATERAL pg_catalog.aclexplode(l.lomacl) AS a
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN ({roles}) AND a.grantee = s.refobjid
  AND s.classid = 'pg_catalog.pg_largeobject'::regclass AND s.deptype = 'a' AND s.dbid = {here}
