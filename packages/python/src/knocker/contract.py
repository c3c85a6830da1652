# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""What the library and the package agree on."""

from __future__ import annotations

VERSION = "0.1.0"
"""The version that this package was made with: the library must not be older."""

ENTRY_POINT = "sqlite3_knocker_init"
"""The library's function that SQLite calls; not every loader derives its name."""

LIBRARY_FILES = {
    "linux": "libknocker.so",
    "darwin": "libknocker.dylib",
    "win32": "knocker.dll",
}
"""The library's file name by ``sys.platform``."""

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
