"""Foreign keys that change other tables are named and digested with all that they run: none is redefined unseen."""

from __future__ import annotations

from typing import Final

from fix_reading import Reading

OBJECTS: Final = """
CREATE TABLE hr.root (id int PRIMARY KEY, note text);
CREATE TABLE hr.leaf (id int PRIMARY KEY, root int REFERENCES hr.root ON DELETE CASCADE);
CREATE TABLE hr.tip (leaf int CONSTRAINT tip_leaf REFERENCES hr.leaf ON DELETE SET NULL);
CREATE FUNCTION util.on_tip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER seen BEFORE UPDATE ON hr.tip FOR EACH ROW EXECUTE FUNCTION util.on_tip();
CREATE FUNCTION util.prunes(int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM hr.root WHERE id = $1';
CREATE FUNCTION util.reads(int) RETURNS text LANGUAGE plpgsql
  AS 'BEGIN RETURN (SELECT note FROM hr.root WHERE id = $1); END -- to delete or update it is for others';
CREATE SCHEMA elsewhere;
CREATE TABLE hr.lone (id int PRIMARY KEY);
CREATE TABLE elsewhere.follows (lone int REFERENCES hr.lone ON DELETE CASCADE);
"""
REPLACED: Final = """
ALTER TABLE hr.tip DROP CONSTRAINT tip_leaf;
ALTER TABLE hr.tip ADD CONSTRAINT tip_leaf FOREIGN KEY (leaf) REFERENCES hr.leaf ON DELETE CASCADE
"""
ALONG: Final = {
    ("cascade", "hr.leaf leaf_root_fkey"),
    ("cascade", "hr.tip tip_leaf"),
    ("trigger", "hr.tip seen"),
    ("function", "util.on_tip()"),
}


async def test_what_is_changed_along_is_named_and_digested(reading: Reading) -> None:
    await reading.execute(OBJECTS)
    for statement in ("delete from hr.root", "select util.prunes(1)"):
        found = await reading.read(statement)
        assert {(each.kind, each.name) for each in found.objects} >= ALONG
        assert {"DELETE on hr.leaf", "UPDATE (leaf) on hr.tip"} <= set(map(str, found.reached))
        assert not found.reach_unknown
    for statement in ("update hr.root set note = 'x'", "insert into hr.root values (1)", "select util.reads(1)"):
        assert not {(each.kind, each.name) for each in (await reading.read(statement)).objects} & ALONG
    for change, name in (
        ("CREATE OR REPLACE FUNCTION util.on_tip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'", "util.on_tip()"),
        ("ALTER TABLE hr.tip DISABLE TRIGGER seen", "hr.tip seen"),
        (REPLACED, "hr.tip tip_leaf"),
    ):
        before = {each.name: each.digest for each in (await reading.read("delete from hr.root")).objects}
        await reading.execute(change)
        after = {each.name: each.digest for each in (await reading.read("delete from hr.root")).objects}
        assert {each for each in before if before[each] != after[each]} == {name}
    assert reading.reader.counts.differences == 0

    away = await reading.read("delete from hr.lone")
    assert away.reach_unknown  # nobody manages the schema of what refers to it
    assert ("cascade", "elsewhere.follows follows_lone_fkey") in {(each.kind, each.name) for each in away.objects}
