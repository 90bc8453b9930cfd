
-- Whatever logins left to {keeper_role} stays, and so does it: hand its objects to somebody else, then drop it.
DO $p0$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
             WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND r.rolname = {keeper_role_name}) THEN
    RAISE WARNING 'not dropped: %, which owns what logins left', {keeper_role_name};
  ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = {keeper_role_name}
                AND pg_catalog.shobj_description(r.oid, 'pg_authid') = {keeper_comment}) THEN
    EXECUTE pg_catalog.format('DROP ROLE %I', {keeper_role_name});
  END IF;
END
$p0$;
DO $p0$
DECLARE
  maker text;
BEGIN
  FOR maker IN
    SELECT r.rolname FROM pg_catalog.pg_roles r JOIN pg_catalog.generate_series(0, {makers} - 1) n
      ON r.rolname = {broker_name} || '_' || pg_catalog.lpad(pg_catalog.to_hex(n), 2, '0')
  LOOP
    EXECUTE pg_catalog.format('DROP ROLE %I', maker);
  END LOOP;
END
$p0$;
DROP ROLE IF EXISTS {reader}, {agent}, {broker};
