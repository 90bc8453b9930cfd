  -- Hands what the roles in "roles" own in this database to the role "keeper": tables, sequences, types and large objects, as
  -- plain data, with the collations and schemas that are needed. Whatever runs (functions, views, triggers, rules, defaults,
  -- expressions of indexes) is dropped: it would run with the rights of the keeper, over what others left. So is everybody's
  -- privilege on it. The body of p0_guard.keep, and in the other mode of a block of the agent's own.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles o ON o.oid = d.refobjid AND o.rolname = ANY (roles)
                 WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o' AND d.dbid = here) THEN
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles k WHERE k.rolname = keeper AND NOT (k.rolsuper OR k.rolcreaterole
                   OR k.rolcreatedb OR k.rolreplication OR k.rolbypassrls OR k.rolcanlogin))
    OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles k ON k.oid = m.member
               JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
               WHERE k.rolname = keeper -- before 15 a login can grant itself, which is no way to keep what it owns from its end
                 AND g.rolname !~ {login_pattern} AND g.rolname !~ {set_pattern}) THEN
    RAISE EXCEPTION 'the role that is to keep what logins own is not there, or is more than that: %', coalesce(keeper, '')
      USING ERRCODE = {refused};
  END IF;
  -- Whoever was given TRIGGER on a table could attach one after the look for them: from here on nobody can.
  FOR statement IN
    SELECT pg_catalog.format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', c.oid::regclass)
    FROM pg_catalog.pg_shdepend d
    JOIN pg_catalog.pg_roles o ON o.oid = d.refobjid AND o.rolname = ANY (roles)
    JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p')
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o' AND d.dbid = here
    ORDER BY c.oid
  LOOP
    EXECUTE statement;
  END LOOP;
  FOR statement IN
    WITH mine AS (
      SELECT d.classid, d.objid, c.oid::regclass AS relation, t.oid::regtype AS domain
      FROM pg_catalog.pg_shdepend d
      JOIN pg_catalog.pg_roles o ON o.oid = d.refobjid AND o.rolname = ANY (roles)
      LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p')
      LEFT JOIN pg_catalog.pg_type t ON d.classid = 'pg_catalog.pg_type'::regclass AND t.oid = d.objid AND t.typtype = 'd'
      WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
        AND d.dbid = here
    )
    SELECT pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, m.relation) FROM mine m
    JOIN pg_catalog.pg_trigger t ON t.tgrelid = m.relation AND NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT pg_catalog.format('DROP RULE %I ON %s', r.rulename, m.relation) FROM mine m
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = m.relation
    UNION ALL
    SELECT pg_catalog.format('DROP POLICY %I ON %s', p.polname, m.relation) FROM mine m
    JOIN pg_catalog.pg_policy p ON p.polrelid = m.relation
    UNION ALL
    SELECT pg_catalog.format('DROP INDEX %s', i.indexrelid::regclass) FROM mine m
    JOIN pg_catalog.pg_index i ON i.indrelid = m.relation AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
    LEFT JOIN pg_catalog.pg_constraint n ON n.conindid = i.indexrelid AND n.contype = 'x' WHERE n.oid IS NULL
    UNION ALL
    SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', m.relation, n.conname) FROM mine m
    JOIN pg_catalog.pg_constraint n ON n.conrelid = m.relation AND n.contype IN ('c', 'x') AND n.coninhcount = 0
    UNION ALL
    SELECT pg_catalog.format(CASE a.attgenerated WHEN '' THEN 'ALTER TABLE ONLY %s ALTER %I DROP DEFAULT'
                             ELSE 'ALTER TABLE %s ALTER %I DROP EXPRESSION' END, m.relation, a.attname) -- of all partitions at once
    FROM mine m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.relation AND a.atthasdef AND NOT a.attisdropped
      AND a.attgenerated <> 'v' -- virtual ones, which have nobody's functions
    WHERE a.attgenerated = '' OR a.attinhcount = 0
    UNION ALL
    SELECT pg_catalog.format('ALTER DOMAIN %s DROP CONSTRAINT %I', m.domain, n.conname) FROM mine m
    JOIN pg_catalog.pg_constraint n ON n.contypid = m.domain AND n.contype = 'c'
    UNION ALL
    SELECT pg_catalog.format('ALTER DOMAIN %s DROP DEFAULT', m.domain) FROM mine m WHERE m.domain IS NOT NULL
  LOOP
    EXECUTE statement;
  END LOOP;
  -- Code may need other code: what cannot be dropped yet is tried again, for as long as anything goes.
  LOOP
    dropped := 0;
    stuck := NULL;
    FOR statement IN
      SELECT pg_catalog.format('DROP %s %s', CASE i.type WHEN 'statistics object' THEN 'statistics'
        WHEN 'aggregate' THEN 'routine' /* which may have no arguments */ ELSE i.type END, i.identity)
      FROM pg_catalog.pg_shdepend d
      JOIN pg_catalog.pg_roles o ON o.oid = d.refobjid AND o.rolname = ANY (roles)
      CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
      WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
        AND d.dbid = here
        AND d.classid NOT IN ('pg_catalog.pg_type'::regclass, 'pg_catalog.pg_largeobject'::regclass,
                              'pg_catalog.pg_default_acl'::regclass, 'pg_catalog.pg_user_mapping'::regclass)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
                        AND c.relkind IN ('r', 'p', 'S', 'c'))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend p WHERE p.classid = d.classid AND p.objid = d.objid AND p.deptype IN ('i', 'e'))
        AND i.identity IS NOT NULL
      ORDER BY d.classid = 'pg_catalog.pg_namespace'::regclass, d.classid = 'pg_catalog.pg_collation'::regclass
    LOOP
      BEGIN
        EXECUTE statement;
        dropped := dropped + 1;
      EXCEPTION WHEN dependent_objects_still_exist THEN
        IF statement !~ '^DROP (collation|schema) ' THEN -- nothing that runs: they stay where data is in need of them
          stuck := statement;
        END IF;
      WHEN undefined_object OR undefined_function OR undefined_table THEN
        NULL; -- it went with another
      END;
    END LOOP;
    EXIT WHEN stuck IS NULL;
    IF dropped = 0 THEN
      EXECUTE stuck; -- for its own words: what of others' depends on it
    END IF;
  END LOOP;
  FOR statement IN
    WITH owner AS (
      SELECT o.oid FROM pg_catalog.pg_roles o WHERE o.rolname = ANY (roles)
    ), acl AS (
      SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS object, c.relowner AS owner,
             pg_catalog.aclexplode(l.acl) AS entry
      FROM owner o JOIN pg_catalog.pg_class c ON c.relowner = o.oid AND c.relkind IN ('r', 'p', 'S')
      CROSS JOIN LATERAL (
        SELECT c.relacl UNION ALL SELECT a.attacl FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid
      ) AS l (acl)
      UNION ALL
      SELECT 'TYPE ' || t.oid::regtype, t.typowner, pg_catalog.aclexplode(t.typacl)
      FROM owner o JOIN pg_catalog.pg_type t ON t.typowner = o.oid
      UNION ALL
      SELECT 'SCHEMA ' || n.oid::regnamespace, n.nspowner, pg_catalog.aclexplode(n.nspacl)
      FROM owner o JOIN pg_catalog.pg_namespace n ON n.nspowner = o.oid
      UNION ALL
      SELECT 'LARGE OBJECT ' || l.oid, l.lomowner, pg_catalog.aclexplode(l.lomacl)
      FROM owner o JOIN pg_catalog.pg_largeobject_metadata l ON l.lomowner = o.oid
    )
    SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', l.object,
      CASE (l.entry).grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid((l.entry).grantee)) END)
    FROM acl l WHERE (l.entry).grantee <> l.owner
  LOOP
    EXECUTE statement;
  END LOOP;
  EXECUTE 'REASSIGN OWNED BY ' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(role), ', ') FROM pg_catalog.unnest(roles) AS role)
    || pg_catalog.format(' TO %I', keeper);
