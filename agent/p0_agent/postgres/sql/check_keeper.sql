-- Whether there is the keeper, of p0's making, with the broker as its member, and nothing more than that. (Before 15 a login can
-- grant itself to anybody.)
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_roles k JOIN pg_catalog.pg_auth_members m ON m.roleid = k.oid
  JOIN pg_catalog.pg_roles b ON b.oid = m.member
  WHERE k.rolname = %(keeper)s AND b.rolname = %(broker)s AND NOT k.rolcanlogin AND NOT k.rolcreaterole
    AND pg_catalog.shobj_description(k.oid, 'pg_authid') = %(keeper_comment)s
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_auth_members more JOIN pg_catalog.pg_roles g ON g.oid = more.roleid
      WHERE more.member = k.oid AND g.rolname !~ %(login_pattern)s AND g.rolname !~ %(set_pattern)s))
