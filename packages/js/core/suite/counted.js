import { github, PATIENCE_MS, rows } from "./workplace.js";

/** A github endpoint on a file with a table of the application, and what its handlers have written there. */
export function countedOrders(runtime, options, endpointOptions) {
  const made = github(runtime, options, endpointOptions);
  const database = runtime.openRaw(made.path);
  database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
  database.exec("CREATE TABLE IF NOT EXISTS orders (event INTEGER)");
  const orders = () => rows(database, "SELECT event FROM orders ORDER BY rowid").map(({ event }) => event);
  const close = async () => {
    database.close();
    await made.hooks.close();
  };
  return { ...made, database, orders, close };
}

/** A handler that writes one row. */
export const write = (event, tx) => void tx.prepare("INSERT INTO orders VALUES (?)").run(event.id);
