-- Logins of the agent's making whose transactions hold a lock on {login} or {set_role}, which keeps these from being dropped: whoever
-- owns something can grant on it to anybody, and wait. (Functions rather than views: planning is most of it.)
SELECT DISTINCT pg_catalog.pg_get_userbyid(a.usesysid)::text
FROM pg_catalog.pg_lock_status() l JOIN pg_catalog.pg_stat_get_activity(NULL) a ON a.pid = l.pid
WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_authid'::regclass AND l.granted
  AND l.objid IN (pg_catalog.to_regrole(pg_catalog.quote_ident({login}))::oid, pg_catalog.to_regrole(pg_catalog.quote_ident({set_role}))::oid)
  AND pg_catalog.pg_get_userbyid(a.usesysid) ~ {login_pattern}
