// Drizzle on a node:sqlite database, as the README shows it.
import { drizzle } from "drizzle-orm/sqlite-proxy";

const orm = (tx) =>
  drizzle(async (sql, parameters, method) => {
    const statement = tx.prepare(sql);
    statement.setReturnArrays(true);
    return { rows: method === "get" ? statement.get(...parameters) : statement.all(...parameters) };
  });

export { orm };
