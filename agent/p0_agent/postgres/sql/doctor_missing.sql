-- What the agent lacks in this database, each in words and with the SQL that gives it. 
WITH schema AS (
  SELECT n.oid, n.nspname::text AS name FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY(%(schemas)s::text[])
), relation AS (
  SELECT s.name AS schema, c.relname::text AS name, c.oid, c.relkind, c.relowner,
         w.privilege
  FROM schema s
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  CROSS JOIN LATERAL (
    SELECT pg_catalog.unnest(CASE c.relkind WHEN 'S' THEN ARRAY['USAGE', 'SELECT', 'UPDATE']
                             ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END)
  ) AS w (privilege)
), ungrantable AS (
  SELECT schema, name, relkind, pg_catalog.string_agg(privilege, ', ' ORDER BY privilege) AS privileges
  FROM relation
  WHERE NOT CASE relkind
    WHEN 'S' THEN pg_catalog.has_sequence_privilege(%(broker)s::name, oid, privilege || ' WITH GRANT OPTION')
    ELSE pg_catalog.has_table_privilege(%(broker)s::name, oid, privilege || ' WITH GRANT OPTION') END
  GROUP BY schema, name, relkind
), maker AS (
  SELECT DISTINCT s.name AS schema, c.relowner AS owner
  FROM schema s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
)
SELECT 'the agent cannot grant ' || privileges || ' on ' || schema || '.' || name AS what,
       pg_catalog.format('GRANT %%s ON %%s %%I.%%I TO %%I WITH GRANT OPTION;', privileges,
         CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, schema, name, %(broker)s::name) AS fix
FROM ungrantable
UNION ALL
SELECT 'there is no schema ' || w.name, 'CREATE SCHEMA ' || pg_catalog.quote_ident(w.name) || ';'
FROM pg_catalog.unnest(%(schemas)s::text[]) AS w (name) WHERE w.name NOT IN (SELECT name FROM schema)
UNION ALL
SELECT 'the agent cannot grant USAGE on schema ' || name,
       pg_catalog.format('GRANT USAGE ON SCHEMA %%I TO %%I WITH GRANT OPTION;', name, %(broker)s::name)
FROM schema WHERE NOT pg_catalog.has_schema_privilege(%(broker)s::name, oid, 'USAGE WITH GRANT OPTION')
UNION ALL
SELECT 'the agent cannot grant TEMPORARY on this database',
       pg_catalog.format('GRANT TEMPORARY ON DATABASE %%I TO %%I WITH GRANT OPTION;', pg_catalog.current_database(), %(broker)s::name)
WHERE 'TEMPORARY' = ANY(%(privileges)s::text[]) AND NOT pg_catalog.has_database_privilege(
  %(broker)s::name, pg_catalog.current_database(), 'TEMPORARY WITH GRANT OPTION')
UNION ALL
SELECT 'SQL that makes temporary tables and uses them cannot be read: the reader may not make them',
       pg_catalog.format('GRANT TEMPORARY ON DATABASE %%I TO %%I;', pg_catalog.current_database(), %(reader)s::name)
WHERE 'TEMPORARY' = ANY(%(privileges)s::text[]) AND NOT pg_catalog.has_database_privilege(
  %(reader)s::name, pg_catalog.current_database(), 'TEMPORARY')
UNION ALL
SELECT 'the agent cannot grant EXECUTE on ' || p.oid::regprocedure
       || CASE WHEN p.prosecdef THEN ', which runs with the privileges of ' || pg_catalog.pg_get_userbyid(p.proowner)
                 || ' (SECURITY DEFINER): let it only if a rule is to name that' ELSE '' END,
       pg_catalog.format('GRANT EXECUTE ON ROUTINE %%s TO %%I WITH GRANT OPTION;', p.oid::regprocedure, %(broker)s::name)
FROM schema s JOIN pg_catalog.pg_proc p ON p.pronamespace = s.oid
WHERE 'EXECUTE' = ANY(%(privileges)s::text[]) AND p.prorettype <> 'trigger'::regtype
  AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
  AND NOT pg_catalog.has_function_privilege(%(broker)s::name, p.oid, 'EXECUTE WITH GRANT OPTION')
UNION ALL
SELECT 'the agent cannot grant USAGE on the type ' || s.name || '.' || t.typname,
       pg_catalog.format('GRANT USAGE ON TYPE %%1$I.%%2$I TO %%3$I WITH GRANT OPTION; GRANT USAGE ON TYPE %%1$I.%%2$I TO %%4$I;',
         s.name, t.typname, %(broker)s::name, %(reader)s::name)
FROM schema s JOIN pg_catalog.pg_type t ON t.typnamespace = s.oid
WHERE NOT pg_catalog.has_type_privilege('public', t.oid, 'USAGE') AND t.typtype <> 'm'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
  AND NOT (pg_catalog.has_type_privilege(%(broker)s::name, t.oid, 'USAGE WITH GRANT OPTION')
           AND pg_catalog.has_type_privilege(%(reader)s::name, t.oid, 'USAGE'))
UNION ALL
SELECT 'the agent cannot grant SELECT, UPDATE on ' || pg_catalog.count(*) || ' large objects, such as '
       || pg_catalog.min(l.oid),
       pg_catalog.format('DO $do$ DECLARE one oid; BEGIN FOR one IN SELECT oid FROM pg_catalog.pg_largeobject_metadata LOOP'
         ' EXECUTE pg_catalog.format(''GRANT SELECT, UPDATE ON LARGE OBJECT %%%%s TO %%%%I WITH GRANT OPTION'', one, %%L);'
         ' END LOOP; END $do$;', %(broker)s::name)
FROM pg_catalog.pg_largeobject_metadata l
WHERE %(large_objects)s AND l.lomowner <> %(broker)s::regrole AND NOT EXISTS (
  SELECT FROM pg_catalog.aclexplode(l.lomacl) a
  WHERE a.grantee = %(broker)s::regrole AND a.privilege_type = 'SELECT' AND a.is_grantable)
HAVING pg_catalog.count(*) > 0
UNION ALL
SELECT 'what ' || pg_catalog.pg_get_userbyid(m.owner) || ' makes in ' || m.schema || ' will not be the agent''s to grant',
       pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %%I IN SCHEMA %%I GRANT SELECT, INSERT, UPDATE, DELETE'
         ' ON TABLES TO %%I WITH GRANT OPTION;', pg_catalog.pg_get_userbyid(m.owner), m.schema, %(broker)s::name)
FROM maker m
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_default_acl d
  JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace AND n.nspname = m.schema
  CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
  JOIN pg_catalog.pg_roles me ON me.oid = a.grantee AND me.rolname = %(broker)s::name
  WHERE d.defaclrole = m.owner AND d.defaclobjtype = 'r' AND a.privilege_type = 'SELECT' AND a.is_grantable)
ORDER BY 1
