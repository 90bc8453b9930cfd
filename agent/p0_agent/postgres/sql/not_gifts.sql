(
  -- pg_shdepend without what is on objects that roles of the agent's making own: these may grant on them to whom they like. Whose
  -- table a policy of another database is on cannot be seen from here; it may be theirs if they own one there. Default privileges of
  -- what they have by name are theirs, too: such a role had none when it was granted.
  SELECT d.* FROM pg_catalog.pg_shdepend d
  WHERE NOT CASE d.classid WHEN 'pg_catalog.pg_policy'::regclass THEN EXISTS (
      SELECT FROM pg_catalog.pg_shdepend o JOIN pg_catalog.pg_roles r ON r.oid = o.refobjid
      WHERE o.dbid = d.dbid AND o.classid = 'pg_catalog.pg_class'::regclass AND o.deptype = 'o'
        AND (d.dbid <> {here} OR o.objid = (SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE p.oid = d.objid))
        AND (r.rolname ~ {login_pattern} OR r.rolname ~ {set_pattern}))
    ELSE (d.deptype = 'a' OR d.classid = 'pg_catalog.pg_default_acl'::regclass) AND EXISTS (
      SELECT FROM pg_catalog.pg_shdepend o JOIN pg_catalog.pg_roles r ON r.oid = o.refobjid
      WHERE o.dbid = d.dbid AND o.classid = d.classid AND o.objid = d.objid AND o.deptype = 'o'
        AND (r.rolname ~ {login_pattern} OR r.rolname ~ {set_pattern}
             OR d.classid = 'pg_catalog.pg_default_acl'::regclass AND EXISTS (
               SELECT FROM pg_catalog.pg_roles s WHERE s.rolname ~ {set_pattern} AND pg_catalog.pg_has_role(s.oid, r.oid, 'MEMBER'))))
    END
)
