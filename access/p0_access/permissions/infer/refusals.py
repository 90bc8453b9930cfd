"""Refusals in words: what a statement or a call is, why no privilege would do for it, and what to do instead.

Decides nothing: whoever reads a statement knows that it cannot be inferred, and asks here how to say so.
"""

from __future__ import annotations

import re
from typing import Final

from p0_access.permissions.infer.context import RefusedError
from p0_access.permissions.parse import Node
from p0_access.permissions.wordlist import words

_WORD: Final = re.compile(r"[A-Z][a-z]*")
# Where the parser's name of a statement is not the command.
_COMMANDS: Final = {
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES",
    "AlterEnumStmt": "ALTER TYPE",
    "AlterObjectSchemaStmt": "ALTER … SET SCHEMA",
    "AlterOwnerStmt": "ALTER … OWNER TO",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "AlterTableMoveAllStmt": "ALTER … ALL IN TABLESPACE",
    "CompositeTypeStmt": "CREATE TYPE",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateRangeStmt": "CREATE TYPE",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreateForeignServerStmt": "CREATE SERVER",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "CreateStatsStmt": "CREATE STATISTICS",
    "CreateTrigStmt": "CREATE TRIGGER",
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "GrantRoleStmt": "GRANT",
    "RenameStmt": "ALTER … RENAME",
    "RuleStmt": "CREATE RULE",
    "SecLabelStmt": "SECURITY LABEL",
}
_ROLE: Final = "Ask for the role {} (--role)."
_OWNERS_ROLE: Final = "Ask for the owner's role (--role)."

_SIGNALS: Final = ("acts on other sessions, which no privilege allows", _ROLE.format("pg_signal_backend"))
_OF_INDEX: Final = ("is for the index's owner", _OWNERS_ROLE)
_REPLICATION: Final = ("needs a role with REPLICATION, which no privilege stands for", "Ask for such a role (--role).")
_WRITES_STATISTICS: Final = ("changes the planner's statistics", "Run ANALYZE on the table.")
_FOR_TRIGGERS: Final = ("is for triggers and PostgreSQL itself to call", "Leave it out.")
# Instead of the words for functions that run a text.
_CALLS: Final = {
    "pg_cancel_backend": _SIGNALS,
    "pg_terminate_backend": _SIGNALS,
    "pg_stat_reset_backend_stats": ("changes another session's statistics", "Leave it out."),
    "lastval": ("yields what the session drew last, which is not known here", "Write currval('the sequence')."),
    **dict.fromkeys(words("brin_desummarize_range brin_summarize_new_values brin_summarize_range"), _OF_INDEX),
    "gin_clean_pending_list": _OF_INDEX,
    **dict.fromkeys(
        words(
            """
            pg_create_logical_replication_slot pg_create_physical_replication_slot pg_copy_logical_replication_slot
            pg_copy_physical_replication_slot pg_drop_replication_slot pg_replication_slot_advance
            pg_sync_replication_slots pg_logical_slot_get_changes pg_logical_slot_get_binary_changes
            pg_logical_slot_peek_changes pg_logical_slot_peek_binary_changes
            """
        ),
        _REPLICATION,
    ),
    **dict.fromkeys(words("pg_clear_attribute_stats pg_clear_relation_stats"), _WRITES_STATISTICS),
    **dict.fromkeys(words("pg_restore_attribute_stats pg_restore_relation_stats"), _WRITES_STATISTICS),
    **dict.fromkeys(
        words("tsvector_update_trigger tsvector_update_trigger_column plpgsql_call_handler"), _FOR_TRIGGERS
    ),
    "suppress_redundant_updates_trigger": _FOR_TRIGGERS,
}
# The predefined role that may, of what is kept from PUBLIC (system_functions.sql, system_views.sql).
_MAY: Final = {
    **dict.fromkeys(
        words(
            """
            pg_current_logfile pg_ls_archive_statusdir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir
            pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir
            """
        ),
        "pg_monitor",
    ),
    **dict.fromkeys(words("pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file"), "pg_read_server_files"),
    **dict.fromkeys(
        words(
            """
            pg_get_aios pg_get_backend_memory_contexts pg_get_shmem_allocations pg_get_shmem_allocations_numa pg_aios
            pg_backend_memory_contexts pg_shmem_allocations pg_shmem_allocations_numa
            """
        ),
        "pg_read_all_stats",
    ),
}
# What everybody may read of the same.
_INSTEAD: Final = {
    "pg_authid": "pg_roles shows all but the passwords.",
    "pg_shadow": "pg_user shows all but the passwords.",
    "pg_statistic": "pg_stats shows the same of tables that one may read.",
    "pg_statistic_ext_data": "pg_stats_ext shows the same of tables that one may read.",
    "pg_user_mapping": "pg_user_mappings shows the same, but for other people's options.",
    "pg_subscription": "Name its columns, without subconninfo.",
    "pg_largeobject": "lo_get(…) reads one large object.",
    "pg_file_settings": "pg_settings shows what is in force.",
}


def statement(kind: str) -> RefusedError:
    """Of a kind of statement that changes what exists or who may do what."""
    if kind == "DoStmt":
        return RefusedError(
            "opaque_statement",
            "what DO runs is known only when it runs",
            hint="Write the statements themselves, or ask for a role (--role).",
        )
    if kind == "CheckPointStmt":
        return RefusedError(
            "unsupported_statement", "CHECKPOINT is for roles with that right", hint=_ROLE.format("pg_checkpoint")
        )
    command = _COMMANDS.get(kind) or " ".join(_WORD.findall(kind.removesuffix("Stmt"))).upper()
    return owners(command)


def _object(node: Node) -> str:
    """`TABLE` of a DROP TABLE."""
    type_: str = node.get("removeType", "")
    return type_.removeprefix("OBJECT_").replace("_", " ").replace("MATVIEW", "MATERIALIZED VIEW")


def owners(command: str, node: Node | None = None) -> RefusedError:
    """Of what only an owner or an administrator may do."""
    if node is not None:
        command = f"{command} {_object(node)}".strip()
    return RefusedError(
        "unsupported_statement",
        f"{command} changes what exists or who may do what, which is for owners",
        hint="Put it into a migration, or ask for the role that owns what it changes (--role).",
    )


def maintenance(command: str, *, named: bool, maintain: bool) -> RefusedError:
    """Of VACUUM and its like: `named` if they name a table, `maintain` if the server has that privilege."""
    if named:
        message = f"{command} is for the table's owner: the privilege MAINTAIN exists since PostgreSQL 17"
    else:
        message = f"{command} without a table's name works on what others own"
    return RefusedError(
        "unsupported_statement",
        message,
        hint="Name each table: MAINTAIN on it is enough." if maintain else _OWNERS_ROLE,
    )


def reindex(index: str) -> RefusedError:
    """Of REINDEX INDEX: a catalog has tables, and the expressions of their indexes."""
    return RefusedError(
        "unsupported_statement",
        f"which table the index {index} is on is not known here",
        hint="Name the table: REINDEX TABLE, which builds all its indexes anew.",
    )


def call(name: str, place: int) -> RefusedError:
    """Of a function whose effect its call does not tell."""
    message, hint = _CALLS.get(
        name,
        (
            "runs or reads what its arguments say, which cannot be known before it runs",
            "Write the query itself, or ask for a role (--role).",
        ),
    )
    return RefusedError("opaque_function", f"{name} {message}", place, hint)


def restricted_function(name: str, place: int) -> RefusedError:
    """Of one of PostgreSQL's own that PUBLIC may not call."""
    return RefusedError(
        "restricted_function", f"{name} may be called by superusers and roles that were granted it", place, _may(name)
    )


def restricted_relation(schema: str, name: str, place: int) -> RefusedError:
    """Of one of PostgreSQL's own that PUBLIC may not read."""
    return RefusedError(
        "restricted_catalog",
        f"{schema}.{name} may be read by superusers and roles that were granted it",
        place,
        _INSTEAD.get(name) or _may(name),
    )


def restricted_setting(name: str, place: int = -1) -> RefusedError:
    """Of a setting that SHOW keeps from ordinary roles."""
    return RefusedError(
        "restricted_setting", f"{name} is shown to superusers only", place, _ROLE.format("pg_read_all_settings")
    )


def _may(name: str) -> str:
    role = _MAY.get(name)
    return _ROLE.format(role) if role is not None else "Ask for a role that may (--role)."
