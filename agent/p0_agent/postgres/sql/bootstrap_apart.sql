
-- The hardened mode: {agent} is a member of nothing, and has functions of {broker}'s to call.
DO $p0$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
             JOIN pg_catalog.pg_roles a ON a.oid = m.member
             WHERE r.rolname = {broker_name} AND a.rolname = {agent_name}) THEN
    EXECUTE pg_catalog.format('REVOKE %I FROM %I', {broker_name}, {agent_name});
  END IF;
END
$p0$;
ALTER ROLE {agent} RESET role;
