-- Of the wanted permissions, those that a role does not have in effect, whatever the way it would have them.
WITH me AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s
), wanted AS (
  SELECT * FROM unnest(
    %(numbers)s::int[], %(kinds)s::text[], %(schemas)s::text[], %(objects)s::text[], %(columns)s::text[],
    %(privileges)s::text[]) AS w (number, kind, schema, object, "column", privilege)
)
SELECT w.number
FROM me CROSS JOIN wanted w
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = CASE w.kind WHEN 'schema' THEN w.object ELSE w.schema END
LEFT JOIN pg_catalog.pg_class c
  ON w.kind IN ('relation', 'column', 'sequence') AND c.relnamespace = n.oid AND c.relname = w.object
LEFT JOIN pg_catalog.pg_attribute a
  ON w.kind = 'column' AND a.attrelid = c.oid AND a.attname = w."column" AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_proc p
  ON w.kind = 'function' AND p.pronamespace = n.oid
  AND w.object = p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
LEFT JOIN pg_catalog.pg_database d ON w.kind = 'database' AND d.datname = w.object
WHERE NOT coalesce(CASE w.kind
  WHEN 'relation' THEN pg_catalog.has_table_privilege(me.oid, c.oid, w.privilege)
  WHEN 'column' THEN pg_catalog.has_column_privilege(me.oid, c.oid, a.attnum, w.privilege)
  WHEN 'sequence' THEN pg_catalog.has_sequence_privilege(me.oid, c.oid, w.privilege)
  WHEN 'schema' THEN pg_catalog.has_schema_privilege(me.oid, n.oid, w.privilege)
  WHEN 'function' THEN pg_catalog.has_function_privilege(me.oid, p.oid, w.privilege)
  WHEN 'database' THEN pg_catalog.has_database_privilege(me.oid, d.oid, w.privilege)
END, false)
