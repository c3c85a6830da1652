// A backlog worked off: `drains.js <way> <file> <events>` prints events a second. `hand` takes the oldest waiting row, writes the handler's row and the row's new
// state in one commit, and takes the next; `apart` and `shared` are a worker whose handlers write one row through tx.
import { BODY, headers, SECRET } from "./requests.js";

const { open, openRaw } = await import(process.env.KNOCKER_BENCH_SERVER);
const [way, file, count] = process.argv.slice(2);
const total = Number(count);

function byHand() {
  const database = openRaw(file);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE inbox (id INTEGER PRIMARY KEY, headers TEXT, body BLOB, state TEXT NOT NULL)");
  database.exec("CREATE INDEX waiting ON inbox (id) WHERE state = 'waiting'");
  database.exec("CREATE TABLE orders (id INTEGER)");
  const insert = database.prepare("INSERT INTO inbox (headers, body, state) VALUES (?, ?, 'waiting')");
  database.exec("BEGIN");
  for (let index = 0; index < total; index++) insert.run(JSON.stringify(headers()), Buffer.from(BODY));
  database.exec("COMMIT");
  const next = database.prepare("SELECT id, headers, body FROM inbox WHERE state = 'waiting' ORDER BY id LIMIT 1");
  const order = database.prepare("INSERT INTO orders VALUES (?)");
  const handled = database.prepare("UPDATE inbox SET state = 'handled' WHERE id = ?");
  const start = performance.now();
  for (let row = next.get(); row; row = next.get()) {
    JSON.parse(row.headers);
    database.exec("BEGIN IMMEDIATE");
    order.run(row.id);
    handled.run(row.id);
    database.exec("COMMIT");
  }
  return performance.now() - start;
}

async function byWorker(shareCommits) {
  const hooks = open(file);
  const database = openRaw(file);
  database.exec("CREATE TABLE orders (id INTEGER)");
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  await Promise.all(
    Array.from({ length: total }, () => endpoint.receive({ url: "/webhooks/github", headers: headers(), body: Buffer.from(BODY) })),
  );
  let left = total;
  let last;
  const end = new Promise((resolve) => (last = resolve));
  endpoint.on("*", (event, tx) => {
    tx.prepare("INSERT INTO orders VALUES (?)").run(event.id);
    if (--left === 0) last();
  });
  const start = performance.now();
  const worker = hooks.work({ shareCommits });
  await end;
  // Stopping waits for the last commit.
  await worker.stop();
  const took = performance.now() - start;
  if ((await hooks.stats()).events.handled !== total) throw new Error("not everything was handled");
  await hooks.close();
  database.close();
  return took;
}

console.log((total / (way === "hand" ? byHand() : await byWorker(way === "shared"))) * 1000);
