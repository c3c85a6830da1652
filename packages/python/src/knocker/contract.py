# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""What the library and the package agree on."""

from __future__ import annotations

VERSION = "0.1.0"
"""The version that this package was made with: the library must not be older."""

ENTRY_POINT = "sqlite3_knocker_init"
"""The library's function that SQLite calls; not every loader derives its name."""

OLDEST_SQLITE = "3.38.0"
"""The oldest SQLite that the library works with."""

LIBRARY_FILES = {
    "linux": "libknocker.so",
    "darwin": "libknocker.dylib",
    "win32": "knocker.dll",
}
"""The library's file name by ``sys.platform``."""

METRICS_CONTENT_TYPES = {
    "prometheus": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
"""What a response says of the formats of metrics."""

RECEIVE_BOUNDS_US = (500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000)
"""The bounds between which it is counted how long receipts took, in microseconds."""

RESULT_CODES = {
    5: "busy",
    6: "busy",
    8: "read_only",
    9: "interrupted",
    10: "io_error",
    11: "corrupt",
    13: "disk_full",
    14: "io_error",
    26: "corrupt",
}
"""The codes that SQLite's primary result codes stand for; every other one is ``sqlite_error``."""
