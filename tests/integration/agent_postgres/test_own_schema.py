"""What whoever had the agent's password left in the agent's own schema, to be run when it has another one."""

from __future__ import annotations

import psycopg
import pytest

from fix_postgres import BOTH_MODES, NOW, THUMBPRINT, Managed
from p0_agent.postgres.errors import SelfCheckError

pytestmark = BOTH_MODES

PLANTED = [
    (
        "CREATE FUNCTION p0.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION p0.mine()",
        "the function p0.mine()",
    ),
    (
        "ALTER FUNCTION p0.refuse() RESET ALL",
        "ALTER FUNCTION p0.refuse() SET search_path = pg_catalog, pg_temp",
        "the function p0.refuse()",
    ),
    (
        "CREATE FUNCTION p0.verifier_is(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "DROP FUNCTION p0.verifier_is(text)",
        "the function p0.verifier_is(text)",
    ),
    (
        """CREATE TRIGGER mine BEFORE UPDATE ON p0.request FOR EACH ROW
           EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()""",
        "DROP TRIGGER mine ON p0.request",
        "the trigger mine of request",
    ),
    (
        "CREATE RULE mine AS ON INSERT TO p0.approval DO ALSO SELECT 1",
        "DROP RULE mine ON p0.approval",
        "the rule mine of approval",
    ),
    ("CREATE POLICY mine ON p0.request", "DROP POLICY mine ON p0.request", "the policy mine of request"),
    (
        "CREATE TABLE p0.more () INHERITS (p0.request)",
        "DROP TABLE p0.more",
        "a child of request",
    ),
    (
        "ALTER TABLE p0.request ALTER cause SET DEFAULT pg_catalog.query_to_xml('SELECT 1', true, true, '')::text",
        "ALTER TABLE p0.request ALTER cause DROP DEFAULT",
        "a default of request",
    ),
    (
        "ALTER TABLE p0.request ADD CONSTRAINT mine CHECK (pg_catalog.lower(cause) <> 'mine')",
        "ALTER TABLE p0.request DROP CONSTRAINT mine",
        "the constraint mine",
    ),
    (
        "CREATE INDEX mine ON p0.request ((pg_catalog.lower(cause)))",
        "DROP INDEX p0.mine",
        "the index mine",
    ),
    (
        "GRANT SELECT, INSERT ON p0.inbox, p0.request TO p0_reader; GRANT SELECT ON p0.approval TO p0_reader",
        "REVOKE ALL ON p0.inbox, p0.request, p0.approval FROM p0_reader",
        "p0_reader's INSERT on request",
    ),
    (
        "GRANT UPDATE (stage) ON p0.request TO PUBLIC",
        "REVOKE ALL ON p0.request FROM PUBLIC",
        "PUBLIC's UPDATE on request",
    ),
    (
        "GRANT CREATE ON SCHEMA p0 TO p0_reader",
        "REVOKE ALL ON SCHEMA p0 FROM p0_reader",
        "p0_reader's CREATE on the schema",
    ),
]


async def test_what_was_planted_in_the_agents_schema_keeps_it_from_starting(managed: Managed) -> None:
    account = managed.agent
    async with await psycopg.AsyncConnection.connect(
        host=account.host,
        port=account.port,
        user=account.user,
        password=account.password.reveal(),
        dbname=managed.database,
        autocommit=True,
    ) as thief:
        for plant, undo, what in PLANTED:
            await thief.execute(plant.encode())
            with pytest.raises(SelfCheckError) as caught:
                await managed.cluster.start(THUMBPRINT, NOW)
            assert str(caught.value).endswith(f"the schema p0 has what is not the agent's: {what}")
            assert (caught.value.code, caught.value.hint is not None) == ("own_schema_unfit", True)
            await thief.execute(undo.encode())
        await managed.cluster.start(THUMBPRINT, NOW)
