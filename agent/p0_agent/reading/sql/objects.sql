-- What a statement runs besides what its tree shows: views, rules, triggers, policies, functions and domains, each with
-- its definition, by what PostgreSQL knows to depend on what. Bodies that are text until they run depend on nothing: the
-- names in them are looked for by the caller and come back here. Also the expressions that writing to a table computes,
-- and the foreign keys that act on what refers to the rows.
WITH RECURSIVE named (oid) AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY(%(schemas)s::text[]) AND c.relname = ANY(%(relation_names)s::text[])
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), changed (oid, event, columns, key) AS (  -- columns of an update, NULL for any; key: the foreign key that does it
  (
    SELECT unnest(%(deleted)s::bigint[]::oid[]), 'delete', NULL::int2[], 0::oid
    UNION
    SELECT u.oid, 'update', pg_catalog.array_agg(u.number), 0
    FROM unnest(%(updated)s::bigint[]::oid[], %(updated_columns)s::int2[]) AS u (oid, number) GROUP BY u.oid
    UNION
    SELECT named.oid, event, NULL, 0 FROM named CROSS JOIN unnest(%(events)s::text[]) AS event
  )
  UNION
  SELECT step.* FROM changed c CROSS JOIN LATERAL (
    SELECT i.inhrelid, c.event, (
      SELECT pg_catalog.array_agg(own.attnum ORDER BY own.attnum) FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_attribute own ON own.attrelid = i.inhrelid AND own.attname = a.attname
      WHERE a.attrelid = c.oid AND a.attnum = ANY(c.columns)), 0::oid
    FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
    UNION ALL
    SELECT k.conrelid, CASE action WHEN 'c' THEN c.event ELSE 'update' END,
           CASE WHEN c.event = 'update' OR action <> 'c' THEN k.conkey END, k.oid
    FROM pg_catalog.pg_trigger t  -- which finds keys by what they refer to
    JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f' AND k.confrelid = t.tgrelid
    CROSS JOIN LATERAL (SELECT CASE c.event WHEN 'delete' THEN k.confdeltype ELSE k.confupdtype END) AS does (action)
    WHERE t.tgrelid = c.oid AND t.tgisinternal AND action IN ('c', 'n', 'd') AND (
      c.columns IS NULL OR c.columns && k.confkey
      OR EXISTS (SELECT FROM pg_catalog.pg_trigger own  -- BEFORE UPDATE FOR EACH ROW, which may change other columns
                 WHERE own.tgrelid = c.oid AND NOT own.tgisinternal AND own.tgtype & 19 = 19)
      OR EXISTS (SELECT FROM pg_catalog.pg_attribute g WHERE g.attrelid = c.oid AND g.attgenerated <> ''))
  ) AS step
), written (oid) AS (
  (
    SELECT unnest(%(written)s::bigint[]::oid[])
    UNION SELECT oid FROM named
    UNION SELECT oid FROM changed
  )
  UNION  -- partitions and children fire triggers of their own
  SELECT i.inhrelid FROM written w JOIN pg_catalog.pg_inherits i ON i.inhparent = w.oid
), reach (kind, oid) AS (
  (
    SELECT 'relation', unnest(%(relations)s::bigint[]::oid[])
    UNION SELECT 'relation', oid FROM written
    UNION SELECT 'function', unnest(%(functions)s::bigint[]::oid[])
    UNION SELECT 'operator', unnest(%(operators)s::bigint[]::oid[])
    UNION SELECT 'type', unnest(%(types)s::bigint[]::oid[])
    UNION
    SELECT 'function', p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY(%(schemas)s::text[]) AND p.proname = ANY(%(routine_names)s::text[])
  )
  UNION
  SELECT edge.kind, edge.oid FROM reach r CROSS JOIN LATERAL (
    SELECT 'function', o.oprcode::oid FROM pg_catalog.pg_operator o WHERE r.kind = 'operator' AND o.oid = r.oid
    UNION ALL
    SELECT 'function', part.oid FROM pg_catalog.pg_aggregate a
    CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
      a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) AS part (oid)
    WHERE r.kind = 'function' AND a.aggfnoid = r.oid AND part.oid >= 16384
    UNION ALL
    SELECT 'function', i.castfunc FROM pg_catalog.pg_cast i  -- of the arms of a UNION no tree shows the casts
    WHERE r.kind = 'type' AND i.castsource = r.oid AND i.castcontext = 'i' AND i.castfunc >= 16384
    UNION ALL
    SELECT 'type', a.atttypid FROM pg_catalog.pg_attribute a
    WHERE r.kind = 'relation' AND a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid >= 16384 AND r.oid IN (SELECT oid FROM written)
    UNION ALL
    SELECT 'type', made.oid FROM pg_catalog.pg_type t
    CROSS JOIN LATERAL (
      SELECT t.typbasetype UNION ALL SELECT t.typelem
      UNION ALL SELECT g.rngsubtype FROM pg_catalog.pg_range g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)
      UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS made (oid)
    WHERE r.kind = 'type' AND t.oid = r.oid AND made.oid >= 16384
    UNION ALL
    SELECT CASE d.refclassid WHEN 'pg_catalog.pg_proc'::regclass THEN 'function' ELSE 'operator' END, d.refobjid
    FROM pg_catalog.pg_partition_ancestors(r.oid) AS above  -- itself, and what it is a partition of
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = above.relid AND p.partexprs IS NOT NULL
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = p.partrelid
    WHERE r.kind = 'relation' AND r.oid IN (SELECT oid FROM written)
      AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)
    UNION ALL
    SELECT CASE d.refclassid WHEN 'pg_catalog.pg_proc'::regclass THEN 'function'
                             WHEN 'pg_catalog.pg_operator'::regclass THEN 'operator'
                             WHEN 'pg_catalog.pg_type'::regclass THEN 'type' ELSE 'relation' END, d.refobjid
    FROM (
      SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid FROM pg_catalog.pg_rewrite w
      WHERE r.kind = 'relation' AND w.ev_class = r.oid
      UNION ALL
      SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p
      WHERE r.kind = 'relation' AND p.polrelid = r.oid
      UNION ALL
      SELECT 'pg_catalog.pg_trigger'::regclass, t.oid FROM pg_catalog.pg_trigger t  -- its function, and those of WHEN
      WHERE r.kind = 'relation' AND t.tgrelid = r.oid AND NOT t.tgisinternal AND r.oid IN (SELECT oid FROM written)
      UNION ALL
      SELECT 'pg_catalog.pg_attrdef'::regclass, f.oid FROM pg_catalog.pg_attrdef f
      WHERE r.kind = 'relation' AND f.adrelid = r.oid AND r.oid IN (SELECT oid FROM written)
      UNION ALL
      SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k
      WHERE k.contype = 'c' AND (
        (r.kind = 'relation' AND k.conrelid = r.oid AND r.oid IN (SELECT oid FROM written))
        OR (r.kind = 'type' AND k.contypid = r.oid))
      UNION ALL
      SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i
      WHERE r.kind = 'relation' AND i.indrelid = r.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
        AND r.oid IN (SELECT oid FROM written)
      UNION ALL
      SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p
      WHERE r.kind = 'function' AND p.oid = r.oid AND p.prosqlbody IS NOT NULL
    ) AS holder (class, oid)
    JOIN pg_catalog.pg_depend d ON d.classid = holder.class AND d.objid = holder.oid AND d.refobjid <> r.oid
    WHERE d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass,
                           'pg_catalog.pg_type'::regclass, 'pg_catalog.pg_class'::regclass)
  ) AS edge (kind, oid)
), object (kind, oid, relation, name, definition, language) AS (
  SELECT 'view', c.oid, c.oid, n.nspname || '.' || c.relname,
         pg_catalog.concat_ws(' ', pg_catalog.pg_get_userbyid(c.relowner), c.reloptions, pg_catalog.pg_get_viewdef(c.oid)),
         NULL::name
  FROM reach r JOIN pg_catalog.pg_class c ON r.kind = 'relation' AND c.oid = r.oid AND c.relkind IN ('v', 'm')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 'rule', w.oid, w.ev_class, w.ev_class::regclass || ' ' || w.rulename,
         pg_catalog.concat_ws(' ', w.ev_enabled, pg_catalog.pg_get_ruledef(w.oid)), NULL
  FROM reach r JOIN pg_catalog.pg_rewrite w ON r.kind = 'relation' AND w.ev_class = r.oid AND w.rulename <> '_RETURN'
  UNION ALL
  SELECT 'trigger', t.oid, t.tgrelid, t.tgrelid::regclass || ' ' || t.tgname,
         pg_catalog.concat_ws(' ', t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)), NULL
  FROM written r
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgparentid = 0  -- no partition's copy
  UNION ALL
  SELECT DISTINCT 'cascade', k.oid, k.conrelid, k.conrelid::regclass || ' ' || k.conname,
         pg_catalog.concat_ws(' ', pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.pg_get_constraintdef(k.oid)), NULL::name
  FROM changed r JOIN pg_catalog.pg_constraint k ON k.oid = r.key
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  UNION ALL
  SELECT 'policy', p.oid, p.polrelid, p.polrelid::regclass || ' ' || p.polname,
         pg_catalog.concat_ws(
           ' ', p.polcmd, p.polpermissive, p.polroles, 'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
           'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)), NULL
  FROM reach r
  JOIN pg_catalog.pg_class c ON r.kind = 'relation' AND c.oid = r.oid AND c.relrowsecurity
  JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT 'function', p.oid, NULL, n.nspname || '.' || p.proname || '(' || pg_catalog.array_to_string(ARRAY(
           SELECT pg_catalog.format_type(arg.type, NULL)
           FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ') || ')',
         pg_catalog.concat_ws(
           ' ', pg_catalog.pg_get_userbyid(p.proowner),
           CASE p.prokind WHEN 'a' THEN (SELECT a::text FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid)
                          ELSE pg_catalog.pg_get_functiondef(p.oid) END), l.lanname
  FROM reach r JOIN pg_catalog.pg_proc p ON r.kind = 'function' AND p.oid = r.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  UNION ALL
  SELECT 'domain', t.oid, NULL, n.nspname || '.' || t.typname,
         pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
           (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
            FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid)), NULL
  FROM reach r JOIN pg_catalog.pg_type t ON r.kind = 'type' AND t.oid = r.oid AND t.typtype = 'd'
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  UNION ALL
  SELECT 'expression', k.oid, k.conrelid, '', pg_catalog.pg_get_constraintdef(k.oid), NULL
  FROM written r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid AND k.contype = 'c'
  UNION ALL
  SELECT 'expression', f.oid, f.adrelid, '', pg_catalog.pg_get_expr(f.adbin, f.adrelid), NULL
  FROM written r JOIN pg_catalog.pg_attrdef f ON f.adrelid = r.oid
  UNION ALL
  SELECT 'expression', i.indexrelid, i.indrelid, '', pg_catalog.pg_get_indexdef(i.indexrelid), NULL
  FROM written r
  JOIN pg_catalog.pg_index i ON i.indrelid = r.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
  UNION ALL
  SELECT DISTINCT 'expression', p.partrelid, p.partrelid, '', pg_catalog.pg_get_partkeydef(p.partrelid), NULL::name
  FROM written r CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(r.oid) AS above
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = above.relid AND p.partexprs IS NOT NULL
)
SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
  'kind', o.kind, 'oid', o.oid::bigint, 'relation', o.relation::bigint, 'name', o.name, 'definition', o.definition,
  'language', o.language,
  'in_force', o.kind <> 'policy' OR pg_catalog.row_security_active(o.relation),
  'covered', o.kind <> 'cascade' OR EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = o.relation AND n.nspname = ANY(%(schemas)s::text[])),
  'for_reader', o.kind = 'policy' AND EXISTS (
    SELECT FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_roles u ON u.oid = ANY(p.polroles)
    WHERE p.oid = o.oid AND u.rolname = session_user)
) ORDER BY o.kind, o.oid)::text
FROM object o WHERE o.oid >= 16384
