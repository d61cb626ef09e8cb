"""PostgreSQL's settings for a small server that serves one service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOOTPRINT: Final = {
    "shared_buffers": "32MB",
    "max_connections": "30",
    "work_mem": "8MB",
    "jit": "off",
    "huge_pages": "off",
    # Version 18 starts three I/O workers by default; reads that hit the cache of a laptop gain nothing by them.
    "io_method": "sync",
    "max_parallel_workers": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
}

SAFETY: Final = {
    # What was acknowledged is never lost, whatever a later release or a copied configuration file says.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

SILENCE: Final = {
    # The log names errors, never the statements and values (questions, document text) that met them.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def options(socket_dir: Path, overrides: Mapping[str, str]) -> list[str]:
    """Command-line options of ``postgres``: they win over every file."""
    settings = {**FOOTPRINT, **SAFETY, **SILENCE, "unix_socket_directories": str(socket_dir), **overrides}
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
