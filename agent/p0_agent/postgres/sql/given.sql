-- Who of the agent's roles gave others of them, or roles that come with these, privileges on what it owns, or named them in a policy
-- of its own (as far as that is in this database): of accesses that are live or not yet undone. Whoever owns a temporary table or a
-- large object can.
WITH RECURSIVE ours AS (
  SELECT r.oid, r.rolname::text AS name FROM p0.request q JOIN pg_catalog.pg_roles r ON r.rolname IN (q.login, q.set_role)
  WHERE q.stage IN ('provisioned', 'sealed', 'ending')
), taker AS (
  SELECT oid FROM ours
  UNION
  SELECT m.roleid FROM taker t JOIN pg_catalog.pg_auth_members m ON m.member = t.oid
), owned AS (
  SELECT o.name, d.dbid, d.classid, d.objid FROM ours o
  JOIN pg_catalog.pg_shdepend d ON d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = o.oid AND d.deptype = 'o'
), given AS (
  SELECT o.name AS giver, d.refobjid FROM owned o
  JOIN pg_catalog.pg_shdepend d ON d.dbid = o.dbid AND d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'a'
  UNION ALL
  SELECT o.name, d.refobjid FROM owned o
  JOIN pg_catalog.pg_policy p ON o.classid = 'pg_catalog.pg_class'::regclass AND p.polrelid = o.objid
  JOIN pg_catalog.pg_database b ON b.oid = o.dbid AND b.datname = pg_catalog.current_database()
  JOIN pg_catalog.pg_shdepend d ON d.dbid = o.dbid AND d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
    AND d.deptype = 'r'
)
SELECT DISTINCT g.giver, r.rolname::text FROM given g
JOIN taker t ON t.oid = g.refobjid JOIN pg_catalog.pg_roles r ON r.oid = t.oid WHERE r.rolname <> g.giver
ORDER BY 1, 2
