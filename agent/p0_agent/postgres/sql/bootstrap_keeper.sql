
-- {keeper_role} gets what logins own at their end, in databases where that is the policy. It cannot log in and holds nothing; {broker} is
-- its member, to hand things to it.
DO $p0$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {keeper_role_name}) THEN
    EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', {keeper_role_name});
    EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', {keeper_role_name}, {keeper_comment});
  ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = {keeper_role_name}
                    AND pg_catalog.shobj_description(r.oid, 'pg_authid') = {keeper_comment}) THEN
    RAISE EXCEPTION 'the role % is there already, and is somebody else''s', {keeper_role_name};
  END IF;
  EXECUTE pg_catalog.format('GRANT %I TO %I', {keeper_role_name}, {broker_name})
    || CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
END
$p0$;
