SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview'
                      WHEN 'f' THEN 'foreign' ELSE 'sequence' END AS kind,
       d.description AS comment,
       c.relrowsecurity AS row_security,
       c.relhastriggers AND EXISTS (
         SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
       c.relhasrules AND EXISTS (
         SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN') AS rules,
       c.relkind = 'v' AND EXISTS (
         SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o
         WHERE o.option_name = 'security_invoker' AND o.option_value::boolean) AS security_invoker,
       c.relkind = 'v' AND EXISTS (
         SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o WHERE o.option_name = 'check_option') AS check_option,
       CASE WHEN c.relkind = 'v' OR c.relrowsecurity THEN r.rolname::text ELSE '' END AS owner,
       c.relkind = 'v' AND (r.rolsuper OR r.rolbypassrls) AS above_policies,
       c.relrowsecurity AND c.relforcerowsecurity AS forced,
       CASE WHEN c.relkind IN ('v', 'm') AND c.oid <> ALL(%(unreadable)s::oid[])
            THEN pg_catalog.pg_get_viewdef(c.oid) END AS definition,
       CASE WHEN c.relkind = 'p' AND c.oid <> ALL(%(unreadable)s::oid[])
            THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
LEFT JOIN pg_catalog.pg_description d
  ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY n.nspname, c.relname
