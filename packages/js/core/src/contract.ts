// Generated from extension/contract/contract.json by `make contract`; do not edit.
/** What the library and the package agree on. */

/** The version that this package was made with: the library must not be older. */
export const VERSION = "0.1.0";

/** The entry point of the library. Named always: not every loader derives it from the file name. */
export const ENTRY_POINT = "sqlite3_knocker_init";

/** The oldest SQLite that the library works with. */
export const OLDEST_SQLITE = "3.38.0";

/** The file name of the library on each platform. */
export const LIBRARY_FILES: Partial<Record<NodeJS.Platform, string>> = {
  linux: "libknocker.so",
  darwin: "libknocker.dylib",
  win32: "knocker.dll",
};

/** The codes that SQLite's primary result codes stand for; every other one is `sqlite_error`. */
export const RESULT_CODES: Readonly<Record<number, string>> = {
  5: "busy",
  6: "busy",
  8: "read_only",
  9: "interrupted",
  10: "io_error",
  11: "corrupt",
  13: "disk_full",
  14: "io_error",
  26: "corrupt",
};

/** What a response says of the formats of metrics. */
export const METRICS_CONTENT_TYPES = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

/** The bounds between which it is counted how long receipts took, in microseconds. */
export const RECEIVE_BOUNDS_US = [500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000];

/** Names of arguments that JavaScript writes in another way, as messages of the library have them. */
export const ARGUMENT_NAMES: readonly string[] = [
  "audits_s",
  "base_s",
  "cap_s",
  "dead_s",
  "deliveries_s",
  "delivery_id",
  "dry_run",
  "duration_ms",
  "event_id",
  "handled_s",
  "ignored_s",
  "interval_s",
  "invalid_per_hour",
  "job_id",
  "lease_s",
  "max_attempts",
  "max_batch_events",
  "max_body_bytes",
  "max_refused",
  "max_refused_bytes",
  "no_handler",
  "older_than_s",
  "on_redelivery",
  "provider_delivery_id",
  "provider_event_id",
  "retry_after_s",
];
