// Kysely on a bun:sqlite database, as the README shows it.
import { SqliteDialect } from "kysely";

const dialect = (tx) =>
  new SqliteDialect({
    database: {
      prepare: (sql) => {
        const statement = tx.prepare(sql);
        return {
          reader: statement.columnNames.length > 0,
          all: (parameters) => statement.all(...parameters),
          run: (parameters) => statement.run(...parameters),
          iterate: (parameters) => statement.iterate(...parameters),
        };
      },
      close: () => {},
    },
  });

export { dialect };
