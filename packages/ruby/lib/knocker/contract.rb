# frozen_string_literal: true

# Generated from extension/contract/contract.json by `make contract`; do not edit.

module Knocker
  # The version of this package, and the oldest library that it works with.
  VERSION = "0.1.0"

  # What the library and the package agree on.
  module Contract
    # The library's function that SQLite calls; not every loader derives its name.
    ENTRY_POINT = "sqlite3_knocker_init"

    # The oldest SQLite that the library works with.
    OLDEST_SQLITE = "3.38.0"

    # The library's file name by system.
    LIBRARY_FILES = {
      "linux" => "libknocker.so",
      "darwin" => "libknocker.dylib",
      "windows" => "knocker.dll"
    }.freeze

    # The codes that SQLite's primary result codes stand for; every other one is `sqlite_error`.
    RESULT_CODES = {
      5 => "busy",
      6 => "busy",
      8 => "read_only",
      9 => "interrupted",
      10 => "io_error",
      11 => "corrupt",
      13 => "disk_full",
      14 => "io_error",
      26 => "corrupt"
    }.freeze

    # What a response says of the formats of metrics.
    METRICS_TYPES = {
      prometheus: "text/plain; version=0.0.4; charset=utf-8",
      openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }.freeze

    # The bounds between which it is counted how long receipts took, in microseconds.
    RECEIVE_BOUNDS_US = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000].freeze
  end
end
