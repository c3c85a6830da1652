# exqlite and the native driver have a SQLite each, and a process has one of them.
ExUnit.start(exclude: if(Code.ensure_loaded?(Exqlite.Sqlite3), do: [:native], else: []))
