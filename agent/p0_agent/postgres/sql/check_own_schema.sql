-- What is in the schema p0 that the agent has not put there and that would run, or let others write, in words; nothing, when all is
-- well. Whoever had the agent's login may have left it, and it would outlast a change of the password. (funcid, opno, opfuncid and
-- resulttype are what can run something in an expression as PostgreSQL keeps it; what is its own has an OID below 16384.)
WITH place AS (
  SELECT oid, nspowner, nspacl FROM pg_catalog.pg_namespace WHERE nspname = 'p0'
), relation AS (
  SELECT c.* FROM pg_catalog.pg_class c JOIN place n ON n.oid = c.relnamespace
), expression AS (
  SELECT 'a default of ' || r.relname AS what, a.adbin::text AS tree FROM relation r JOIN pg_catalog.pg_attrdef a ON a.adrelid = r.oid
  UNION ALL
  SELECT 'the constraint ' || c.conname, c.conbin::text FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid = r.oid
  UNION ALL
  SELECT 'the index ' || r.relname, pg_catalog.concat(i.indexprs::text, i.indpred::text)
  FROM relation r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid
), granted AS (
  SELECT 'the schema' AS what, n.nspowner AS owner, (pg_catalog.aclexplode(n.nspacl)).* FROM place n
  UNION ALL
  SELECT r.relname, r.relowner, (pg_catalog.aclexplode(l.acl)).* FROM relation r CROSS JOIN LATERAL (
    SELECT r.relacl UNION ALL SELECT a.attacl FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.oid) AS l (acl)
  WHERE r.relname <> 'inbox'
)
SELECT what FROM (
  SELECT 'the function ' || p.oid::regprocedure FROM pg_catalog.pg_proc p JOIN place n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE NOT (p.oid::regprocedure::text = 'p0.refuse()' AND l.lanname = 'plpgsql' AND NOT p.prosecdef
             AND p.proconfig IS NOT DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']
             AND pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') = %(digest)s)
    AND NOT (p.oid::regprocedure::text = 'p0.verifier_is(text,bytea)' AND p.prosecdef
             AND p.proowner NOT IN (n.nspowner, session_user::regrole))
  UNION ALL
  SELECT 'the trigger ' || t.tgname || ' of ' || r.relname FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid
  WHERE NOT t.tgisinternal AND NOT (t.tgname = 'append_only' AND t.tgfoid::regprocedure::text = 'p0.refuse()' AND t.tgqual IS NULL)
  UNION ALL
  SELECT 'the rule ' || w.rulename || ' of ' || r.relname FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
  UNION ALL
  SELECT 'the policy ' || p.polname || ' of ' || r.relname FROM relation r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT 'a child of ' || r.relname FROM relation r JOIN pg_catalog.pg_inherits i ON i.inhparent = r.oid WHERE r.relkind = 'r'
  UNION ALL
  SELECT 'the type of ' || r.relname || '.' || a.attname FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
  WHERE r.relkind = 'r' AND a.atttypid >= 16384
  UNION ALL
  SELECT e.what FROM expression e
  CROSS JOIN LATERAL pg_catalog.regexp_matches(e.tree, ':(funcid|opno|opfuncid|resulttype) ([0-9]+)', 'g') AS m
  WHERE m[2]::oid >= 16384 OR m[1] = 'funcid' AND m[2]::oid <> 'pg_catalog.octet_length(text)'::regprocedure
  UNION ALL
  SELECT coalesce(r.rolname, 'PUBLIC') || '''s ' || g.privilege_type || ' on ' || g.what
  FROM granted g LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
  WHERE g.grantee <> g.owner AND g.privilege_type NOT IN ('SELECT', 'USAGE')
) AS found (what)
ORDER BY what LIMIT 1
