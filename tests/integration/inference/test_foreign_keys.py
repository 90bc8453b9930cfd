"""What foreign keys change along with the rows that they refer to is reached, with all that it runs as its owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from fix_postgres import fresh_database
from inference_proof.judge import Judge, judging
from p0_access.permissions.infer import read
from p0_access.permissions.infer.cascades import AS_QUEUED_SINCE
from p0_access.permissions.reading import StatementReading
from p0_demo.postgres import EmbeddedPostgres

OBJECTS: Final = """
CREATE TABLE log (a text);
CREATE TABLE late (a text);
CREATE TABLE hidden (a text);
CREATE FUNCTION says() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO log VALUES (current_user); RETURN coalesce(new, old); END';
CREATE FUNCTION says_late() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO late VALUES (current_user); RETURN NULL; END';
CREATE FUNCTION seals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  'BEGIN INSERT INTO hidden VALUES (''x''); RETURN coalesce(new, old); END';
CREATE FUNCTION spare() RETURNS int LANGUAGE plpgsql AS
  'BEGIN INSERT INTO log VALUES (''d''); RETURN 0; END';
CREATE TABLE parent (id int PRIMARY KEY, note text);
INSERT INTO parent SELECT g, 'n' FROM generate_series(0, 9) g;

CREATE TABLE gone (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE);
INSERT INTO gone VALUES (1, 1);
CREATE TRIGGER a BEFORE DELETE ON gone FOR EACH ROW EXECUTE FUNCTION says();
CREATE TRIGGER b AFTER DELETE ON gone EXECUTE FUNCTION says_late();
CREATE TABLE beyond (gone_id int DEFAULT spare() REFERENCES gone ON DELETE SET DEFAULT);
INSERT INTO beyond VALUES (1);
INSERT INTO gone VALUES (0, NULL);
CREATE TRIGGER a BEFORE UPDATE ON beyond FOR EACH ROW EXECUTE FUNCTION seals();

CREATE TABLE follows (parent_id int REFERENCES parent ON UPDATE CASCADE, n int);
CREATE TRIGGER a BEFORE UPDATE OF parent_id ON follows FOR EACH ROW EXECUTE FUNCTION says();
CREATE TRIGGER other BEFORE UPDATE OF n ON follows FOR EACH ROW EXECUTE FUNCTION seals();
INSERT INTO follows VALUES (2, 2);

CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self ON DELETE CASCADE);
INSERT INTO self VALUES (1, NULL), (2, 1), (3, 2);
CREATE TRIGGER a BEFORE DELETE ON self FOR EACH ROW EXECUTE FUNCTION says();

CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted VALUES (1), (2);
CREATE TABLE of_parted (id int REFERENCES parted ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE of_parted_1 PARTITION OF of_parted FOR VALUES FROM (0) TO (10);
CREATE TRIGGER a BEFORE DELETE ON of_parted_1 FOR EACH ROW EXECUTE FUNCTION seals();
INSERT INTO of_parted VALUES (1);

CREATE TABLE watched (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED UNIQUE, note text);
CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id := OLD.id + 100; RETURN NEW; END';
CREATE TRIGGER a BEFORE UPDATE OF note ON watched FOR EACH ROW EXECUTE FUNCTION moves();
CREATE TABLE of_watched (twice int REFERENCES watched (twice) ON UPDATE CASCADE);
INSERT INTO watched (id, note) VALUES (1, 'x');
INSERT INTO of_watched VALUES (2);

CREATE TABLE ruled (id int PRIMARY KEY);
CREATE TABLE of_ruled (id int REFERENCES ruled ON DELETE CASCADE);
CREATE RULE also AS ON DELETE TO of_ruled DO ALSO INSERT INTO hidden VALUES ('r');
INSERT INTO ruled VALUES (1);
INSERT INTO of_ruled VALUES (1);

CREATE TABLE returned (id int PRIMARY KEY, note text);
CREATE TABLE of_returned (id int REFERENCES returned ON UPDATE CASCADE);
CREATE FUNCTION returns_other() RETURNS trigger LANGUAGE plpgsql AS
  'DECLARE r record; BEGIN r := OLD; r.id := OLD.id + 1; RETURN(r); END';
CREATE TRIGGER a BEFORE UPDATE OF note ON returned FOR EACH ROW EXECUTE FUNCTION returns_other();
INSERT INTO returned VALUES (1, 'x');
INSERT INTO of_returned VALUES (1);

CREATE TABLE named (id int PRIMARY KEY);
CREATE TABLE of_named ("REFERENCES parent(id" int REFERENCES named ON DELETE CASCADE);
INSERT INTO named VALUES (1);
INSERT INTO of_named VALUES (1);

DO $$ DECLARE t text; BEGIN
  CREATE ROLE fk_owner;
  GRANT USAGE ON SCHEMA public TO fk_owner;
  FOREACH t IN ARRAY '{log,late,hidden,gone,beyond,follows,self,of_parted,of_parted_1,of_watched,of_ruled}'::text[] LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO fk_owner', t);
  END LOOP;
  GRANT REFERENCES ON parent, parted, watched, ruled TO fk_owner;
END $$;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres) -> AsyncIterator[Judge]:
    async with fresh_database(postgres, name="keys", template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await connection.execute(OBJECTS)
        async with judging(postgres.superuser(name)) as found:
            yield found
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await connection.execute("DROP OWNED BY fk_owner; DROP ROLE fk_owner")


LATE: Final = "INSERT (a) on late"
"""What a trigger does after a row that a foreign key deleted: before PostgreSQL 18 as the caller."""

CASES: Final[tuple[tuple[str, set[str]], ...]] = (
    (
        "delete from parent where id = 1",
        {"DELETE on gone", "INSERT (a) on log", "UPDATE (gone_id) on beyond", "INSERT (a) on hidden", LATE},
    ),
    ("update parent set id = 20 where id = 2", {"UPDATE (parent_id) on follows", "INSERT (a) on log"}),
    ("update parent set note = 'm' where id = 2", set()),
    ("insert into parent values (1) on conflict (id) do update set note = 'x'", set()),
    (
        "insert into parent values (2) on conflict (id) do update set id = 30",
        {"UPDATE (parent_id) on follows", "INSERT (a) on log"},
    ),
    (
        "merge into parent p using (values (1)) v (i) on p.id = v.i when matched then delete",
        {"DELETE on gone", "INSERT (a) on log", "UPDATE (gone_id) on beyond", "INSERT (a) on hidden", LATE},
    ),
    ("delete from self where id = 1", {"DELETE on self", "INSERT (a) on log"}),
    ("delete from parted where id = 1", {"DELETE on of_parted", "INSERT (a) on hidden"}),
    ("delete from parted_1 where id = 1", {"DELETE on of_parted", "INSERT (a) on hidden"}),
    ("update watched set note = 'y'", {"UPDATE (twice) on of_watched"}),
    ("update returned set note = 'y'", {"UPDATE (id) on of_returned"}),
    ("delete from named", {"DELETE on of_named"}),
    ("delete from ruled", {"DELETE on of_ruled", "INSERT (a) on hidden"}),
)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("statement", "reached"), CASES, ids=[each for each, _ in CASES])
async def test_what_follows_is_reached_and_costs_nothing(statement: str, reached: set[str], judge: Judge) -> None:
    if statement.startswith("merge") and judge.connection.info.server_version < 15_00_00:
        pytest.skip("PostgreSQL 15 brought MERGE")
    judged = await judge.judge(statement)
    assert judged is not None
    assert (judged.kernel.outcome, judged.combined.outcome, judged.differ) == ("exact", "exact", False)
    catalog = await judge.current(judge.connection.info.dbname)
    (reading,) = read(statement, catalog)
    assert isinstance(reading, StatementReading)
    expected = set(reached)
    if catalog.server_version < AS_QUEUED_SINCE:
        expected.discard(LATE)
    assert {str(each).replace("public.", "") for each in reading.reached} == expected
    assert ("cascade" in {each.code for each in reading.warnings}) == bool(reached)
    if statement.startswith("delete from self"):  # as the caller, too: it fires on its own table first
        assert "INSERT (a) on public.log" in {str(each) for each in reading.permissions}
    needed = {str(each) for each in reading.permissions}
    assert ("INSERT (a) on public.late" in needed) == (LATE in reached and LATE not in expected)
