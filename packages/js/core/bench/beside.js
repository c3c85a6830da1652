// The worker that extension/bench/other-writers has another process write beside, which says what it is to do: `beside.js <way> <file>`.
import { once } from "node:events";

const { open, openRaw } = await import(process.env.KNOCKER_BENCH_SERVER);
const [way, file] = process.argv.slice(2);
const EVENTS = 16_000;
const ONE_IN = 20;
const SLOW_MS = 50;

const hooks = open(file);
const database = openRaw(file);
database.exec("CREATE TABLE notes (text TEXT)");
database.exec("CREATE TABLE handled (id INTEGER)");
database.close();
const inbox = hooks.endpoint("inbox", {});
const body = "x".repeat(1000);
const typeOf = (index) => (way.startsWith("slow") && index % ONE_IN === 0 ? "slow" : "quick");
await Promise.all(Array.from({ length: EVENTS }, (_, index) => inbox.ingest({ valid: true, type: typeOf(index) }, body)));
const handled = (event, tx) => void tx.prepare("INSERT INTO handled VALUES (?)").run(event.id);
inbox.on("quick", handled);
inbox.on("slow", async (event, tx) => {
  await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  handled(event, tx);
});
console.log("ready");
const told = await Promise.race([once(process.stdin, "data"), once(process.stdin, "end")]);
const worker = told.length > 0 ? hooks.work({ shareCommits: way.endsWith("shared") }) : undefined;
if (worker) await once(process.stdin.resume(), "end");
await worker?.stop();
await hooks.close();
