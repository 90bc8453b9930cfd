-- Whether there is the keeper, of p0's making, with the broker as its member, and nothing more than that.
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_roles k JOIN pg_catalog.pg_auth_members m ON m.roleid = k.oid
  JOIN pg_catalog.pg_roles b ON b.oid = m.member
  WHERE k.rolname = %(keeper)s AND b.rolname = %(broker)s AND NOT k.rolcanlogin AND NOT k.rolcreaterole
    AND pg_catalog.shobj_description(k.oid, 'pg_authid') = %(keeper_comment)s
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members more WHERE more.member = k.oid))
