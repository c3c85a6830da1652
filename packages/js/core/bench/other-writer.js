// Another process that writes to the same file: `other-writer.js <file>`. Between "begin" and "end" it writes a row now and then, and prints what each waited for
// the write lock, in milliseconds.
import { createInterface } from "node:readline";

const { openRaw } = await import(process.env.KNOCKER_BENCH_SERVER);
const database = openRaw(process.argv[2]);
database.exec("PRAGMA busy_timeout = 30000");
database.exec("PRAGMA synchronous = FULL");
database.exec("CREATE TABLE IF NOT EXISTS elsewhere (written_at INTEGER)");
const insert = database.prepare("INSERT INTO elsewhere VALUES (?)");

let waits = [];
let writing;
function write() {
  const begin = performance.now();
  database.exec("BEGIN IMMEDIATE");
  waits.push(performance.now() - begin);
  insert.run(Date.now());
  database.exec("COMMIT");
}

console.log("ready");
for await (const word of createInterface({ input: process.stdin })) {
  clearInterval(writing);
  console.log(word === "end" ? JSON.stringify(waits) : "writing");
  waits = [];
  if (word === "begin") writing = setInterval(write, 20);
}
