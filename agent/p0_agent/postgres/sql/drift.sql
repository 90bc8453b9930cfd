-- Live accesses whose roles are not as they were made: what cannot be put right, and what can. One snapshot for rows and
-- catalogs: a login and its row are made in one transaction, and fenced only once its row is at 'ending'. What others of the
-- agent's logins gave (`givers` to `takers`) is held against those alone.
-- (to_jsonb reads columns of pg_auth_members that only some versions have.)
WITH live AS (
  SELECT q.*, r.oid, r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls AS powers,
         r.rolvaliduntil IS DISTINCT FROM pg_catalog.to_timestamp(q.not_after) AS other_end,
         q.settings IS DISTINCT FROM (SELECT s.setconfig FROM pg_catalog.pg_db_role_setting s
                                      WHERE s.setrole = r.oid AND s.setdatabase = 0)
         OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase <> 0)
           AS other_settings
  FROM p0.request q JOIN pg_catalog.pg_roles r ON r.rolname = q.login
  WHERE q.stage IN ('provisioned', 'sealed')
), membership AS (
  SELECT m.roleid, m.member, role.rolname::text AS role_name, member.rolname::text AS member_name,
         m.admin_option OR coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, false) AS more,
         coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true) AS inherits
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles role ON role.oid = m.roleid
  JOIN pg_catalog.pg_roles member ON member.oid = m.member
), stranger AS ( -- each once, however many accesses have the set role
  SELECT m.role_name, m.member_name FROM membership m
  WHERE m.role_name IN (SELECT l.set_role FROM live l) AND m.member_name <> ALL (%(ours)s::text[] || session_user::text)
    AND NOT EXISTS (SELECT FROM p0.request o WHERE o.login = m.member_name AND o.set_role = m.role_name
                    AND o.stage IN ('provisioned', 'sealed', 'ending'))
), given AS (
  SELECT pg_catalog.unnest(%(givers)s::text[]) AS giver, pg_catalog.unnest(%(takers)s::text[]) AS taker
), grave AS (
  SELECT rh, 'the login was dropped and made anew' AS what FROM live WHERE oid <> login_oid
  UNION ALL
  SELECT l.rh, 'the login gave privileges on what it owns to ' || pg_catalog.min(g.taker)
    || CASE pg_catalog.count(DISTINCT g.taker) WHEN 1 THEN '' ELSE ' and ' || pg_catalog.count(DISTINCT g.taker) - 1 || ' more' END
  FROM live l JOIN given g ON g.giver IN (l.login, l.set_role) AND g.taker NOT IN (l.login, l.set_role) GROUP BY l.rh
  UNION ALL
  SELECT rh, 'the login was given attributes of a role' FROM live WHERE powers
  UNION ALL
  SELECT rh, 'the login was given privileges of its own' FROM live l
  WHERE l.login NOT IN (SELECT g.taker FROM given g) AND EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = l.oid AND d.deptype = 'a'
                  AND NOT (d.classid = 'pg_catalog.pg_default_acl'::regclass AND EXISTS ( -- of a role that somebody has by name
                    SELECT FROM pg_catalog.pg_shdepend o JOIN membership m ON pg_catalog.pg_has_role(m.member, o.refobjid, 'MEMBER')
                    WHERE o.dbid = d.dbid AND o.classid = d.classid AND o.objid = d.objid AND o.deptype = 'o'
                      AND m.member_name IN (SELECT o.set_role FROM p0.request o WHERE o.stage IN ('provisioned', 'sealed', 'ending')))))
  UNION ALL
  SELECT rh, 'the login inherits nothing from its set role any more' FROM live l
  WHERE NOT EXISTS (SELECT FROM membership m WHERE m.member = l.oid AND m.role_name = l.set_role AND m.inherits)
  UNION ALL
  SELECT DISTINCT l.rh, 'the login was made a member of ' || m.role_name FROM live l JOIN membership m ON m.member = l.oid
  WHERE m.role_name <> l.set_role
  UNION ALL
  SELECT DISTINCT l.rh, 'the login may become its set role, or hand it on' FROM live l JOIN membership m ON m.member = l.oid
  WHERE m.role_name = l.set_role AND m.more
  UNION ALL
  SELECT DISTINCT l.rh, m.member_name || ' was made a member of the login' FROM live l JOIN membership m ON m.roleid = l.oid
  WHERE m.member_name <> ALL (%(ours)s::text[] || session_user::text)
  UNION ALL
  SELECT DISTINCT l.rh, s.member_name || ' was made a member of the set role'
  FROM live l JOIN stranger s ON s.role_name = l.set_role
)
SELECT l.rh, l.login, l.not_after, l.other_end, l.other_settings, coalesce(l.settings, '{}') AS settings,
       ARRAY(SELECT d.datname::text FROM pg_catalog.pg_db_role_setting s
             JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE s.setrole = l.oid) AS elsewhere,
       ARRAY(SELECT g.what FROM grave g WHERE g.rh = l.rh ORDER BY 1) AS grave
FROM live l
WHERE l.other_end OR l.other_settings OR EXISTS (SELECT FROM grave g WHERE g.rh = l.rh)
ORDER BY l.rh
