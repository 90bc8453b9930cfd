"""What every PostgreSQL holds from birth: pg_catalog and information_schema, and what PUBLIC may not touch there.

The data is written by `tools/builtin_catalog.py` from real servers. The lists below are ours: functions that anybody
may call but that do more than compute from their arguments.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib import resources
from typing import Final

import msgspec

from p0_access.permissions.catalog import Column, Relation
from p0_access.permissions.wordlist import words

SCHEMAS: Final = frozenset({"pg_catalog", "information_schema"})
SYSTEM_TYPE: Final = "*"
"""Some type of PostgreSQL's own; it is not known which."""

# They run a text or read a table that an argument names, act on other sessions, or change what the session may do.
OPAQUE_FUNCTIONS: Final = words(
    """
    query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml
    table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
    database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat ts_rewrite set_config currtid2
    pg_terminate_backend pg_cancel_backend pg_stat_reset_backend_stats pg_signal_backend pg_nextoid
    lo_creat lo_create lo_from_bytea lo_get lo_open lo_put lo_unlink loread lowrite lo_truncate lo_truncate64
    brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list
    pg_clear_attribute_stats pg_clear_relation_stats pg_restore_attribute_stats pg_restore_relation_stats
    pg_create_logical_replication_slot pg_create_physical_replication_slot pg_copy_logical_replication_slot
    pg_copy_physical_replication_slot pg_drop_replication_slot pg_replication_slot_advance pg_sync_replication_slots
    pg_logical_slot_get_changes pg_logical_slot_get_binary_changes pg_logical_slot_peek_changes
    pg_logical_slot_peek_binary_changes pg_logical_emit_message pg_import_system_collations pg_extension_config_dump
    pg_get_sequence_data pg_sequence_last_value pg_sequence_parameters lastval pg_read_file_old pg_rotate_logfile_old
    suppress_redundant_updates_trigger tsvector_update_trigger tsvector_update_trigger_column
    plpgsql_call_handler plpgsql_inline_handler plpgsql_validator fmgr_sql_validator
    pg_tablespace_size pg_stat_force_next_flush pg_available_wal_summaries pg_wal_summary_contents
    """
)

# Functions of well-known extensions, written in C, of the same kind, wherever they are installed.
OPAQUE_EXTENSION_FUNCTIONS: Final = words(
    """
    crosstab crosstab2 crosstab3 crosstab4 crosstabn crosstab_hash connectby xpath_table xpath_nodeset xslt_process
    pg_file_read pg_file_write pg_file_rename pg_file_unlink pg_file_sync pg_logdir_ls pg_prewarm
    autoprewarm_start_worker autoprewarm_dump_now pgstattuple pgstatindex pg_relpages postgres_fdw_disconnect
    postgres_fdw_disconnect_all
    pg_stat_statements_reset pg_truncate_visibility_map heap_force_kill heap_force_freeze refint check_primary_key
    check_foreign_key autoinc lo_manage ts_debug
    """
)
OPAQUE_EXTENSION_PREFIXES: Final = ("dblink", "bt_index_", "verify_heapam", "gin_index_check")


class BuiltinRelation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`private` are the columns that PUBLIC may not read."""

    columns: tuple[str, ...]
    private: frozenset[str] = frozenset()


class BuiltinFunction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`arity`: pairs of the least and the most arguments, -1 for any number. `outs` are the columns it returns as a
    table;
    `open` says that these depend on the call, `polymorphic` that what it yields may be of the arguments' types.
    `regclass` are the places of arguments that name a relation; `returns` is the type it yields, where all of its
    variants agree."""

    arity: tuple[tuple[int, int], ...]
    outs: tuple[str, ...] = ()
    open: bool = False
    private: bool = False
    volatile: bool = False
    polymorphic: bool = False
    regclass: tuple[int, ...] = ()
    returns: str | None = None

    def takes(self, count: int) -> bool:
        return any(least <= count and (most < 0 or count <= most) for least, most in self.arity)


BuiltinOperator = tuple[str | None, str, str | None]
"""The types of its operands (no left one of a prefix operator) and of what it yields, None where that depends."""


class Builtin(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """By schema, then by name; operators by name."""

    relations: dict[str, dict[str, BuiltinRelation]]
    functions: dict[str, dict[str, BuiltinFunction]]
    types: dict[str, frozenset[str]]
    operators: dict[str, tuple[BuiltinOperator, ...]]

    def relation(self, schema: str, name: str) -> Relation | None:
        """In the shape of the user's relations; `private` columns must be asked of `private_columns`."""
        key = (schema, name)
        if key not in self._relations:
            found = self.relations.get(schema, {}).get(name)
            self._relations[key] = None if found is None else _as_relation(schema, name, found)
        return self._relations[key]

    def private_columns(self, schema: str, name: str) -> frozenset[str]:
        return self.relations[schema][name].private

    @cached_property
    def _relations(self) -> dict[tuple[str, str], Relation | None]:
        return {}


def _as_relation(schema: str, name: str, found: BuiltinRelation) -> Relation:
    columns = tuple(Column(name=column, type=SYSTEM_TYPE) for column in found.columns)
    return Relation(schema=schema, name=name, kind="table", columns=columns)


@cache
def builtin() -> Builtin:
    data = resources.files("p0_access.permissions").joinpath("data/builtin.json").read_bytes()
    return msgspec.json.decode(data, type=Builtin)
