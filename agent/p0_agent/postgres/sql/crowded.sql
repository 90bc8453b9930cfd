-- In which databases a login, or its set role (which a login can be before PostgreSQL 16), owns more than should be dropped in
-- one transaction.
SELECT pg_catalog.pg_get_userbyid(s.refobjid)::text, d.datname::text
FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype = 'o' AND s.refobjid IN (
  pg_catalog.to_regrole(pg_catalog.quote_ident({login}))::oid,
  CASE WHEN pg_catalog.current_setting('server_version_num')::int < 160000
       THEN pg_catalog.to_regrole(pg_catalog.quote_ident({set_role}))::oid END)
GROUP BY s.refobjid, d.datname
HAVING count(*) FILTER (WHERE s.classid = 'pg_catalog.pg_largeobject'::regclass) > {unlinked}
  OR count(*) FILTER (WHERE s.classid <> 'pg_catalog.pg_largeobject'::regclass) > {dropped}
