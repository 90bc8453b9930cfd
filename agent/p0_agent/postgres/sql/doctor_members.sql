-- Who else is a member of the agent's own roles, each in words and with the SQL that takes it back: whoever is one of `broker` can
-- grant, of a maker change every login that it made, of `agent` act as the agent. Superusers can anyway, and so can whoever
-- ran the set-up (the owner of the evidence log), who without being one had to be made their member.
WITH ours AS (
  SELECT r.oid, r.rolname, r.rolname = ANY (%(makers)s::text[]) AS maker FROM pg_catalog.pg_roles r
  WHERE r.rolname IN (%(broker)s, %(agent)s) OR r.rolname = ANY (%(makers)s::text[])
), stranger AS (
  SELECT o.rolname AS role, o.maker, m.rolname AS member, g.rolname AS grantor
  FROM ours o JOIN pg_catalog.pg_auth_members a ON a.roleid = o.oid
  JOIN pg_catalog.pg_roles m ON m.oid = a.member AND NOT m.rolsuper
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
  WHERE NOT (m.rolname = %(agent)s AND o.rolname = %(broker)s)
    AND m.oid IS DISTINCT FROM (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'p0_evidence')
)
SELECT pg_catalog.format('%%s is a member of %%s, and can act as the agent does or on the logins that it makes', s.member,
         pg_catalog.concat_ws(', ', pg_catalog.string_agg(DISTINCT s.role::text, ', ') FILTER (WHERE NOT s.maker),
           pg_catalog.min(s.role::text) FILTER (WHERE s.maker) || CASE pg_catalog.count(DISTINCT s.role) FILTER (WHERE s.maker) WHEN 1 THEN ''
             ELSE pg_catalog.format(' and %%s more', pg_catalog.count(DISTINCT s.role) FILTER (WHERE s.maker) - 1) END)) AS what,
       pg_catalog.string_agg(DISTINCT pg_catalog.format('REVOKE %%I FROM %%I', s.role, s.member)
         || coalesce(pg_catalog.format(' GRANTED BY %%I', s.grantor), '') || ' CASCADE;', ' ') AS fix
FROM stranger s GROUP BY s.member
ORDER BY 1
