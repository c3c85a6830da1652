/** The set-up of tenants whose handlers write one row an event. */
export function setUp(hooks) {
  const inbox = hooks.endpoint("inbox", { maxAttempts: 1000, backoff: { baseS: 0 } });
  inbox.on("*", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS orders (key TEXT, event INTEGER)");
    tx.prepare("INSERT INTO orders VALUES (?, ?)").run(event.key, event.id);
  });
}
