  -- Who inherits from a role that existed already may change its default privileges, which would outlast the membership. A role
  -- that has any is not granted to begin with: what there is by now is undone. Before anything else, as it takes that membership.
  -- (What a fence left of one gives nothing. to_jsonb reads columns that only some versions have.)
  IF EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles o ON o.oid = m.member WHERE o.rolname = ANY (roles)
             AND NOT pg_catalog.to_jsonb(m) @> '{"inherit_option": false, "set_option": false}') THEN
    FOR statement IN
      WITH RECURSIVE reach AS (
        SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles o ON o.oid = m.member WHERE o.rolname = ANY (roles)
        UNION
        SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reach x ON x.roleid = m.member
      ), found AS (
        SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE ' || d.defaclrole::regrole
                 || CASE d.defaclnamespace WHEN 0 THEN '' ELSE ' IN SCHEMA ' || d.defaclnamespace::regnamespace END AS change,
               CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                 WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS noun,
               d.defaclrole AS role, d.defaclnamespace = 0 AS everywhere, d.defaclobjtype AS type, d.defaclacl AS acl
        FROM pg_catalog.pg_default_acl d JOIN reach x ON x.roleid = d.defaclrole
        WHERE pg_catalog.pg_has_role(x.roleid, 'USAGE')
      )
      SELECT s.statement FROM (
        SELECT DISTINCT 1 AS place, pg_catalog.format('%s REVOKE ALL ON %s FROM %s', f.change, f.noun,
          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS statement
        FROM found f CROSS JOIN LATERAL pg_catalog.aclexplode(f.acl) a
        UNION ALL
        SELECT 2, pg_catalog.format('%s GRANT ALL ON %s TO %s%s', f.change, f.noun, f.role::regrole,
          CASE WHEN f.type IN ('f', 'T') THEN ', PUBLIC' ELSE '' END)
        FROM found f WHERE f.everywhere
      ) AS s ORDER BY s.place, s.statement
    LOOP
      EXECUTE statement;
    END LOOP;
  END IF;
