"""What a session keeps between statements: prepared statements, cursors, transactions, settings.

PREPARE checks no privilege but USAGE on schemas; EXECUTE does. DECLARE does; FETCH does not.
"""

from __future__ import annotations

from typing import Final

from p0_access.permissions.infer import expressions, statements
from p0_access.permissions.infer.charges import Charges
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.parse import Node
from p0_access.permissions.wordlist import words

_TRANSACTION: Final = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "BEGIN",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK",
}

# They change how long a statement runs or how its result looks, never what it means or who runs it.
_HARMLESS_SETTINGS: Final = words(
    """
    application_name bytea_output client_min_messages cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost
    cursor_tuple_fraction datestyle deadlock_timeout default_statistics_target default_transaction_deferrable
    default_transaction_isolation effective_cache_size effective_io_concurrency extra_float_digits from_collapse_limit
    hash_mem_multiplier idle_in_transaction_session_timeout idle_session_timeout intervalstyle jit join_collapse_limit
    lc_monetary lc_numeric lc_time lock_timeout maintenance_io_concurrency max_parallel_workers_per_gather
    parallel_leader_participation parallel_setup_cost parallel_tuple_cost plan_cache_mode random_page_cost seq_page_cost
    statement_timeout temp_buffers timezone transaction_deferrable transaction_isolation transaction_read_only
    transaction_timeout work_mem xmlbinary
    """
)
_HARMLESS_PREFIXES: Final = ("enable_", "geqo", "jit_")

# GUC_SUPERUSER_ONLY: SHOW of these is refused to ordinary roles.
_HIDDEN_SETTINGS: Final = words(
    """
    archive_cleanup_command archive_command archive_library config_file data_directory dynamic_library_path
    external_pid_file extension_control_path hba_file ident_file krb_server_keyfile local_preload_libraries
    log_directory log_filename primary_conninfo primary_slot_name recovery_end_command recovery_target_action
    restore_command session_preload_libraries shared_preload_libraries ssl_passphrase_command
    ssl_passphrase_command_supports_reload summarize_wal synchronized_standby_slots unix_socket_directories
    unix_socket_group unix_socket_permissions dynamic_shared_memory_type
    """
)


def read_prepare(context: Context, node: Node) -> str:
    with context.charging(Charges()):
        kind, query = opened(node["query"])
        statements.read_statement(context, kind, query)
    context.writes = False
    context.reached.clear()
    context.session.prepared[node["name"]] = node["query"]
    return "PREPARE"


def read_execute(context: Context, node: Node) -> str:
    query = context.session.prepared.get(node["name"])
    if query is None:
        raise RefusedError(
            "unknown_prepared_statement",
            f'no statement "{node["name"]}" is prepared in this text',
            hint="PREPARE and EXECUTE must stand in one text.",
        )
    level = Level(None)
    level.clause = "execute"
    expressions.read_all(context, level, node.get("params", ()))
    kind, members = opened(query)
    statements.read_statement(context, kind, members)
    return "EXECUTE"


def read_deallocate(context: Context, node: Node) -> str:
    if "name" in node:
        context.session.prepared.pop(node["name"], None)
    else:
        context.session.prepared.clear()
    return "DEALLOCATE"


def read_declare(context: Context, node: Node) -> str:
    kind, query = opened(node["query"])
    statements.read_statement(context, kind, query)
    context.session.cursors.add(node["portalname"])
    return "DECLARE CURSOR"


def read_fetch(context: Context, node: Node) -> str:
    _check_cursor(context, node["portalname"])
    return "MOVE" if node.get("ismove") else "FETCH"


def read_close(context: Context, node: Node) -> str:
    if "portalname" in node:
        _check_cursor(context, node["portalname"])
    return "CLOSE"


def _check_cursor(context: Context, name: str) -> None:
    if name not in context.session.cursors:
        raise RefusedError(
            "unknown_cursor",
            f'no cursor "{name}" is declared in this text',
            hint="DECLARE and FETCH must stand in one text.",
        )


def read_transaction(context: Context, node: Node) -> str:
    del context
    command = _TRANSACTION.get(node["kind"])
    if command is None:
        raise RefusedError(
            "unsupported_statement",
            "prepared transactions outlive the access",
            hint="COMMIT within the session.",
        )
    return command


def read_set(context: Context, node: Node) -> str:
    del context
    name = node.get("name", "").lower()
    if node["kind"] == "VAR_RESET_ALL" or name in ("transaction", "session characteristics"):
        return "RESET" if node["kind"] == "VAR_RESET_ALL" else "SET"
    if name == "search_path":
        raise RefusedError(
            "search_path",
            "SET search_path changes what the names after it mean",
            hint="Write schemas before names, or give --search-path.",
        )
    if name in ("role", "session_authorization"):
        raise RefusedError(
            "set_role", "a session runs as the login it was made for", hint="Ask for the role itself (--role)."
        )
    if name not in _HARMLESS_SETTINGS and not name.startswith(_HARMLESS_PREFIXES):
        raise RefusedError(
            "unsupported_statement",
            f"the setting {name} may change what statements mean or do",
            hint="Only settings that shape time and output may be changed.",
        )
    return "RESET" if node["kind"] == "VAR_RESET" else "SET"


def read_show(context: Context, node: Node) -> str:
    del context
    if node["name"].lower() in _HIDDEN_SETTINGS:
        raise RefusedError("restricted_setting", f"{node['name']} is shown to superusers only")
    return "SHOW"


def read_discard(context: Context, node: Node) -> str:
    if node.get("target") in (None, "DISCARD_ALL"):
        context.session.prepared.clear()
        context.session.cursors.clear()
    return "DISCARD"


def read_listen(context: Context, node: Node) -> str:
    del context, node
    return "LISTEN"


def read_unlisten(context: Context, node: Node) -> str:
    del context, node
    return "UNLISTEN"


def read_notify(context: Context, node: Node) -> str:
    del context, node
    return "NOTIFY"
