-- Sequences that a column's default names, by what the default depends on. An identity column has no default.
SELECT a.attrelid::bigint AS relation, a.attname::text AS name, sn.nspname::text AS schema, s.relname::text AS sequence
FROM pg_catalog.pg_attrdef f
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = ''
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
  AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
WHERE n.nspname = ANY(%(schemas)s)
ORDER BY a.attrelid, a.attnum, sn.nspname, s.relname
