-- Of the wanted permissions, those that a role does not have in effect, whatever the way it would have them. What does
-- not exist is lacking too.
SELECT w.number
FROM unnest(
  %(numbers)s::int[], %(kinds)s::text[], %(schemas)s::text[], %(objects)s::text[], %(columns)s::text[],
  %(privileges)s::text[]) AS w (number, kind, schema, object, "column", privilege)
CROSS JOIN LATERAL (
  -- Not by to_regclass, which takes USAGE on the schema.
  SELECT CASE WHEN w.kind IN ('relation', 'column', 'sequence') THEN (
    SELECT c.oid FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
    WHERE n.nspname = w.schema AND c.relname = w.object) END AS relation
) AS named
CROSS JOIN (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s) AS me
WHERE NOT coalesce(CASE w.kind
  WHEN 'relation' THEN pg_catalog.has_table_privilege(me.oid, named.relation, w.privilege)
  WHEN 'column' THEN pg_catalog.has_column_privilege(me.oid, named.relation, w."column", w.privilege)
  WHEN 'sequence' THEN pg_catalog.has_sequence_privilege(me.oid, named.relation, w.privilege)
  WHEN 'schema' THEN pg_catalog.has_schema_privilege(
    me.oid, pg_catalog.to_regnamespace(pg_catalog.quote_ident(w.object)), w.privilege)
  WHEN 'database' THEN pg_catalog.has_database_privilege(me.oid, w.object, w.privilege)
  WHEN 'role' THEN (SELECT pg_catalog.pg_has_role(me.oid, r.oid, 'USAGE') FROM pg_catalog.pg_roles r WHERE r.rolname = w.object)
  WHEN 'function' THEN EXISTS (
    SELECT FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(w.schema))
      AND w.object = p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
      AND pg_catalog.has_function_privilege(me.oid, p.oid, w.privilege))
END, false)
