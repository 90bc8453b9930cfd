"""Write what every PostgreSQL holds from birth to `access/p0_access/permissions/data/builtin.json`.

Usage: `python tools/builtin_catalog.py DSN…`, newest major version first. Each DSN names a freshly made database and a
superuser. Versions are merged: a name known to any of them is known, a column or function that any of them keeps from
PUBLIC is kept. Nothing is changed in the databases: the role that probes PUBLIC's privileges is rolled back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, LiteralString

import psycopg

TARGET = Path(__file__).parents[1] / "access" / "p0_access" / "permissions" / "data" / "builtin.json"

PROBE: LiteralString = "CREATE ROLE p0_probe_of_public"

COLUMNS: LiteralString = """
SELECT n.nspname, c.relname, a.attname, has_column_privilege('p0_probe_of_public', c.oid, a.attnum, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY 1, 2, a.attnum
"""

FUNCTIONS: LiteralString = """
SELECT n.nspname, p.proname, p.pronargs - p.pronargdefaults,
  CASE WHEN p.provariadic <> 0 AND p.prokind <> 'a' THEN -1 WHEN p.provariadic <> 0 THEN -1 ELSE p.pronargs END,
  has_function_privilege('p0_probe_of_public', p.oid, 'EXECUTE'),
  coalesce((SELECT array_agg(coalesce(p.proargnames[i], '') ORDER BY i)
    FROM generate_subscripts(p.proargmodes, 1) i WHERE p.proargmodes[i] IN ('o', 'b', 't')), '{}'),
  t.typtype = 'c' OR t.typname IN ('record', 'anyelement', 'anyarray', 'anynonarray', 'anycompatible'),
  p.provolatile = 'v', t.typname ^@ 'any' OR p.proallargtypes && ARRAY(SELECT oid FROM pg_type WHERE typname ^@ 'any'),
  CASE WHEN t.typcategory = 'P' OR p.proretset OR t.typelem <> 0 THEN NULL ELSE t.typname END,
  coalesce((SELECT array_agg(i - 1 ORDER BY i) FROM generate_series(1, p.pronargs) i
    WHERE p.proargtypes[i - 1] = 'regclass'::regtype), '{}')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type t ON t.oid = p.prorettype
WHERE n.nspname IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2, p.pronargs, p.oid
"""

TYPES: LiteralString = """
SELECT n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND t.typelem = 0 OR t.typname IN ('name', 'point', 'box',
  'lseg', 'line', 'int2vector', 'oidvector') AND n.nspname = 'pg_catalog'
ORDER BY 1, 2
"""

OPERATORS: LiteralString = """
SELECT o.oprname, l.typname, r.typname, CASE WHEN t.typtype <> 'p' THEN t.typname END
FROM pg_operator o LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
JOIN pg_type t ON t.oid = o.oprresult WHERE o.oprnamespace = 'pg_catalog'::regnamespace ORDER BY 1, 2, 3
"""


def survey(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    with psycopg.connect(dsn) as connection:
        connection.execute(PROBE)
        found = {
            "relations": connection.execute(COLUMNS).fetchall(),
            "functions": connection.execute(FUNCTIONS).fetchall(),
            "types": connection.execute(TYPES).fetchall(),
            "operators": connection.execute(OPERATORS).fetchall(),
        }
        connection.rollback()
    return found


def merge(surveys: list[dict[str, list[tuple[Any, ...]]]]) -> dict[str, Any]:
    types: dict[str, set[str]] = {}
    for found in surveys:
        for schema, name in found["types"]:
            types.setdefault(schema, set()).add(name)
    return {
        "relations": merge_relations([row for found in surveys for row in found["relations"]]),
        "functions": merge_functions([row for found in surveys for row in found["functions"]]),
        "types": {schema: sorted(names) for schema, names in types.items()},
        "operators": merge_operators([row for found in surveys for row in found["operators"]]),
    }


def merge_relations(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for schema, relation, column, readable in rows:
        entry = merged.setdefault(schema, {}).setdefault(relation, {"columns": []})
        if column not in entry["columns"]:
            entry["columns"].append(column)
        if not readable and column not in entry.setdefault("private", []):
            entry["private"].append(column)
    return merged


def merge_functions(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for schema, name, least, most, public, outs, open_, volatile, polymorphic, returns, regclass in rows:
        entry = merged.setdefault(schema, {}).setdefault(name, {"arity": [], "returns": returns})
        if [least, most] not in entry["arity"]:
            entry["arity"].append([least, most])
        if entry["returns"] != returns:
            entry["returns"] = None
        if outs:
            entry.setdefault("outs", outs)
        entry["private"] = entry.get("private", False) or not public
        entry["open"] = entry.get("open", False) or (open_ and not outs)
        entry["volatile"] = entry.get("volatile", False) or volatile
        entry["polymorphic"] = entry.get("polymorphic", False) or bool(polymorphic)
        entry["regclass"] = sorted({*entry.get("regclass", ()), *regclass})
    for named in merged.values():
        for name, entry in named.items():
            named[name] = {key: value for key, value in entry.items() if value}
    return merged


def merge_operators(rows: list[tuple[Any, ...]]) -> dict[str, list[list[Any]]]:
    merged: dict[str, dict[tuple[str | None, str], str | None]] = {}
    for name, left, right, result in rows:
        merged.setdefault(name, {}).setdefault((left, right), result)
    return {name: [[*types, result] for types, result in found.items()] for name, found in merged.items()}


def main() -> None:
    merged = merge([survey(dsn) for dsn in sys.argv[1:]])
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(merged, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
