"""SET, RESET and SHOW: settings that shape time and output may change, those that change what statements mean may not
(guc_tables.c)."""

from __future__ import annotations

from typing import Final

from p0_access.permissions import elsewhere
from p0_access.permissions.infer import refusals
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.tree import literal
from p0_access.permissions.parse import Node
from p0_access.permissions.wordlist import words

# They change how long a statement runs or how its result looks, never what it means or who runs it.
_HARMLESS_SETTINGS: Final = words(
    """
    application_name bytea_output check_function_bodies client_min_messages cpu_index_tuple_cost cpu_operator_cost
    cpu_tuple_cost cursor_tuple_fraction datestyle deadlock_timeout default_statistics_target
    default_transaction_deferrable default_transaction_isolation default_transaction_read_only effective_cache_size
    effective_io_concurrency extra_float_digits from_collapse_limit hash_mem_multiplier
    idle_in_transaction_session_timeout idle_session_timeout intervalstyle jit join_collapse_limit lc_monetary
    lc_numeric lc_time lock_timeout maintenance_io_concurrency max_parallel_workers_per_gather
    parallel_leader_participation parallel_setup_cost parallel_tuple_cost plan_cache_mode random_page_cost
    seq_page_cost statement_timeout synchronous_commit temp_buffers timezone transaction_deferrable
    transaction_isolation transaction_read_only transaction_timeout work_mem xmlbinary
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


# Of these only values under which statements mean what they meant when they were read.
_HARMLESS_VALUES: Final = {
    "client_encoding": words("utf8 utf-8 unicode"),
    "standard_conforming_strings": words("on true yes 1"),
    "row_security": words("on true yes 1"),
}
_CHANGE_MEANING: Final = words("role session_authorization session_replication_role standard_conforming_strings")
# What stands before the dot of a setting that anybody may make up; those of languages change what bodies mean.
_OF_LANGUAGES: Final = words("plpgsql plperl plperlu pltcl pltclu plpython3u")


def check_changed(name: str, value: str | None, place: int = -1) -> None:
    """Refuses a change of a setting that alters what statements mean or who runs them. `value` is None for the default,
    or one that is not known."""
    setting = name.lower()
    if setting == "search_path":
        raise RefusedError(
            "search_path",
            "SET search_path changes what the names after it mean",
            place,
            "Write schemas before names, or give --search-path.",
        )
    if setting in ("role", "session_authorization"):
        raise RefusedError(
            "set_role", "a session runs as the login it was made for", place, "Ask for the role itself (--role)."
        )
    known = _HARMLESS_VALUES.get(setting, frozenset())
    made_up = "." in setting and setting.partition(".")[0] not in _OF_LANGUAGES
    if not (
        setting in _HARMLESS_SETTINGS
        or setting.startswith(_HARMLESS_PREFIXES)
        or made_up
        or (value or "").lower() in known
    ):
        raise RefusedError(
            "unsupported_statement",
            f"the setting {name} may change what statements mean or do",
            place,
            f"Leave it out, or set it to {' or '.join(sorted(known))}." if known else "Leave it out.",
        )


def check_pinned(name: str, value: str, place: int = -1) -> None:
    """Refuses what a function sets while it runs, if its text then means something else, or somebody else runs it."""
    if name.lower() in _CHANGE_MEANING and value.lower() not in _HARMLESS_VALUES.get(name.lower(), ()):
        raise RefusedError("pinned_setting", f"it sets {name} to {value}", place)


def check_shown(name: str, place: int = -1) -> None:
    """Refuses to show what is kept from ordinary roles."""
    if name.lower() in _HIDDEN_SETTINGS:
        raise refusals.restricted_setting(name, place)


def read_set(context: Context, node: Node) -> str:
    del context
    name = node.get("name", "").lower()
    if node["kind"] == "VAR_RESET_ALL" or name in ("transaction", "session characteristics"):
        return "RESET" if node["kind"] == "VAR_RESET_ALL" else "SET"
    arguments = node.get("args", ())
    check_changed(name, literal(arguments[0]) if len(arguments) == 1 else None)
    return "RESET" if node["kind"] == "VAR_RESET" else "SET"


def read_show(context: Context, node: Node) -> str:
    del context
    hint = elsewhere.shown(node["name"].lower())
    if hint is not None:
        raise RefusedError("unknown_setting", f"{node['name']} is no setting", hint=hint)
    check_shown(node["name"])
    return "SHOW"
