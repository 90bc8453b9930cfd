-- Logins that look like ours, that the agent made (a maker of its is their member), and that no live row of the ledger accounts for.
SELECT r.rolname::text AS login,
       coalesce(g.set_role, '') AS set_role,
       coalesce(g.database, pg_catalog.current_database())::text AS database
FROM pg_catalog.pg_roles r
LEFT JOIN LATERAL (
  SELECT s.rolname::text AS set_role,
         (SELECT d.datname::text FROM pg_catalog.pg_shdepend h JOIN pg_catalog.pg_database d ON d.oid = h.dbid
          WHERE h.refclassid = 'pg_catalog.pg_authid'::regclass AND h.refobjid = s.oid LIMIT 1) AS database
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles s ON s.oid = m.roleid
  WHERE m.member = r.oid AND s.rolname ~ %(set_pattern)s
  LIMIT 1
) AS g ON true
WHERE r.rolname ~ %(login_pattern)s
  AND EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles me ON me.oid = m.member
              WHERE m.roleid = r.oid AND me.rolname = ANY (%(makers)s::text[]))
  AND NOT EXISTS (SELECT FROM p0.request q WHERE q.login = r.rolname AND q.stage IN ('provisioned', 'sealed', 'ending'))
ORDER BY 1
