"""SQL text and a catalog to the permissions PostgreSQL will check: what `parse analysis` does, for privileges alone.

The modules follow PostgreSQL's own: `select`, `dml`, `utility` are statements (analyze.c), `from_clause` and `scope`
resolve names (parse_clause.c, parse_relation.c), `expressions`, `functions` and `casts` read what is computed
(parse_expr.c, parse_func.c, parse_coerce.c), `charges` is the permission info of range tables (execMain.c). `stored`,
`triggers`, `rules` and `cascades` are what a write sets off. Whatever they do not know is refused.
"""

from p0_access.permissions.infer.read import TextReader, read

__all__ = ["TextReader", "read"]
