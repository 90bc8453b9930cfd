-- The login of a request, if the role exists, and its set role, if that does.
SELECT q.login, CASE WHEN pg_catalog.to_regrole(pg_catalog.quote_ident(q.set_role)) IS NOT NULL THEN q.set_role END
FROM p0.request q WHERE q.rh = {rh} AND pg_catalog.to_regrole(pg_catalog.quote_ident(q.login)) IS NOT NULL
