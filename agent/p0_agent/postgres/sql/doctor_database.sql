-- What any login that is in this database can do without a grant, each in words and with the SQL that ends it, and access
-- lists that are nearly full.
WITH place AS (
  SELECT n.oid, n.nspname::text AS name FROM pg_catalog.pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'p0', 'p0_evidence')
), entered AS (
  SELECT * FROM place WHERE pg_catalog.has_schema_privilege('public', oid, 'USAGE') OR name = ANY(%(schemas)s::text[])
), list AS (
  SELECT s.name || '.' || c.relname AS name, pg_catalog.cardinality(c.relacl) AS entries
  FROM place s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid WHERE s.name = ANY(%(schemas)s::text[])
  UNION ALL
  SELECT s.name || '.' || c.relname || '.' || a.attname, pg_catalog.cardinality(a.attacl)
  FROM place s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE s.name = ANY(%(schemas)s::text[])
)
SELECT 'any login may make objects in the schema ' || name AS what,
       pg_catalog.format('REVOKE CREATE ON SCHEMA %%I FROM PUBLIC;', name) AS fix
FROM place WHERE pg_catalog.has_schema_privilege('public', oid, 'CREATE')
UNION ALL
SELECT 'any login may use ' || pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') || ' on ' || s.name || '.' || c.relname,
       pg_catalog.format('REVOKE ALL ON TABLE %%I.%%I FROM PUBLIC;', s.name, c.relname)
FROM entered s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
WHERE a.grantee = 0
GROUP BY s.name, c.relname
UNION ALL
SELECT 'any login may execute ' || s.name || '.' || p.proname || ' with the privileges of '
       || pg_catalog.pg_get_userbyid(p.proowner) || ' (SECURITY DEFINER)',
       pg_catalog.format('REVOKE EXECUTE ON ROUTINE %%s FROM PUBLIC;', p.oid::regprocedure)
FROM entered s JOIN pg_catalog.pg_proc p ON p.pronamespace = s.oid
WHERE p.prosecdef AND p.prorettype <> 'trigger'::regtype
  AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
UNION ALL
SELECT 'any login may make large objects',
       'REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;'
WHERE pg_catalog.has_function_privilege('public', 'pg_catalog.lo_create(oid)', 'EXECUTE')
UNION ALL
SELECT 'any login may use the large object ' || l.oid, 'REVOKE ALL ON LARGE OBJECT ' || l.oid || ' FROM PUBLIC;'
FROM pg_catalog.pg_largeobject_metadata l
WHERE EXISTS (SELECT FROM pg_catalog.aclexplode(l.lomacl) a WHERE a.grantee = 0)
UNION ALL
SELECT 'any login may use the foreign server ' || f.srvname,
       pg_catalog.format('REVOKE USAGE ON FOREIGN SERVER %%I FROM PUBLIC;', f.srvname)
FROM pg_catalog.pg_foreign_server f WHERE pg_catalog.has_server_privilege('public', f.oid, 'USAGE')
UNION ALL
SELECT 'any login that may use the foreign server ' || m.srvname || ' is logged in there: it has a user mapping for PUBLIC',
       pg_catalog.format('DROP USER MAPPING FOR PUBLIC SERVER %%I;', m.srvname)
FROM pg_catalog.pg_user_mappings m WHERE m.umuser = 0
UNION ALL
SELECT 'the access list of ' || name || ' has ' || entries || ' entries; PostgreSQL''s limit is little above 2,100', NULL
FROM list WHERE entries >= %(acl_entries)s
ORDER BY 1
