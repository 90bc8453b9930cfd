-- What is left of what {owner} owns in this database, and can be dropped, with the constraints between its tables.
SELECT (SELECT count(*) FROM pg_shdepend d
        WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = {owner} AND d.deptype = 'o'
          AND d.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
          AND d.classid NOT IN ('pg_largeobject'::regclass, 'pg_default_acl'::regclass, 'pg_user_mapping'::regclass))
     + (SELECT count(*) FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid WHERE n.contype = 'f' AND c.relowner = {owner})
