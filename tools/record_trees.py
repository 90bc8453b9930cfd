"""Records how PostgreSQL prints rewritten trees, for the tests of the agent's reading: one JSON line a statement.

    .venv/bin/python tools/record_trees.py BIN_DIRECTORY OUTPUT_DIRECTORY

Each line holds the statement, the printed tree, and the names of the schema's relations by OID. Run it once for each
major version; the file is named after that.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import psycopg

from p0_demo.postgres import EmbeddedPostgres

SCHEMA = b"""
CREATE SCHEMA s;
CREATE TABLE s.people (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, "pay check" numeric);
CREATE TABLE s.items (id serial PRIMARY KEY, person_id integer, label text DEFAULT 'x', dropped integer, price numeric);
ALTER TABLE s.items DROP COLUMN dropped;
CREATE VIEW s.rich AS SELECT id, upper(name) AS name FROM s.people WHERE "pay check" > 10;
CREATE TABLE s.notes (id integer, owner text);
ALTER TABLE s.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s.notes USING (owner IN (SELECT name FROM s.people));
CREATE TABLE s.log (id integer);
CREATE RULE keep AS ON DELETE TO s.notes DO ALSO INSERT INTO s.log VALUES (old.id);
CREATE DOMAIN s.amount AS integer CHECK (VALUE > 0);
CREATE ROLE reader;
GRANT USAGE ON SCHEMA s TO reader;
"""

STATEMENTS = (
    'SELECT p.name, "pay check" FROM s.people p WHERE id = 1',
    "SELECT count(*) FROM s.people",
    "SELECT p, ctid FROM s.people p",
    "SELECT name FROM s.rich",
    "INSERT INTO s.items (person_id) VALUES (1) ON CONFLICT (id) DO UPDATE SET label = excluded.label RETURNING price",
    "UPDATE s.items i SET price = 1 FROM s.people p WHERE p.id = i.person_id",
    "WITH unused AS (SELECT label FROM s.items), old AS (DELETE FROM s.items WHERE price = 0 RETURNING id) TABLE old",
    "DELETE FROM s.notes WHERE id = 1",
    "SELECT id FROM s.people FOR UPDATE",
    "SELECT nextval('s.items_id_seq'), '{1}'::s.amount[], 'a b(c){d}\\e'::text AS \"<> (}\"",
    "SELECT CASE WHEN id > 1 THEN ROW(1, name) END, ARRAY[id], id IN (1, 2), coalesce(name, '') FROM s.people",
    "SELECT greatest(id, 2), (id, name) < (1, 'x'), name IS NULL, current_date, name COLLATE \"C\" FROM s.people",
)


async def record(binaries: Path, output: Path) -> None:
    async with EmbeddedPostgres(binaries=binaries, settings={"fsync": "off"}) as server:
        connection = await psycopg.AsyncConnection.connect(**server.superuser(), autocommit=True)
        try:
            lines = await _lines(connection)
            version = connection.info.server_version // 10_000
        finally:
            await connection.close()
    output.joinpath(f"{version}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def _lines(connection: psycopg.AsyncConnection) -> list[str]:
    printed: list[str] = []
    await connection.execute(SCHEMA)
    cursor = await connection.execute("SELECT oid::text, relname::text FROM pg_class WHERE relname !~ '^pg_'")
    names = {str(oid): str(name) for oid, name in await cursor.fetchall()}
    sequences = {oid: name for oid, name in names.items() if name.endswith("_seq")}
    await connection.execute("SET debug_pretty_print = off; SET client_min_messages = log")
    await connection.execute("SET ROLE reader; SET debug_print_rewritten = on")
    connection.add_notice_handler(lambda notice: printed.append(notice.message_detail or ""))
    lines = []
    for statement in STATEMENTS:
        printed.clear()
        connection.pgconn.prepare(b"", statement.encode())
        (tree,) = printed
        used = {oid: name for oid, name in names.items() if f"relid {oid}" in tree.replace("\n", " ")}
        lines.append(json.dumps({"sql": statement, "tree": tree, "names": used | sequences}))
    return lines


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), Path(sys.argv[2])))
