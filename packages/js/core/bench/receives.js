// Receives without HTTP: `receives.js <way> <file> <callers> <requests>` prints receives a second. `hand` is one insert and one commit each; `floor` is what the
// library judges and stores in a second of CPU time with no package around it, in one transaction: the most that any package can do here.
import { receiverByHand } from "./by-hand.js";
import { BODY, headers, SECRET } from "./requests.js";

const { open, openRaw, knocker } = await import(process.env.KNOCKER_BENCH_SERVER);
const [way, file, callers, count] = process.argv.slice(2);
const total = Number(count);
const URL_PATH = "/webhooks/github";
const WARM = Math.min(500, total);

/** Receives through `receive` with this many callers at a time; returns receives a second. */
async function drive(receive, size) {
  // As a server has them: made before the clock runs.
  const requests = Array.from({ length: size }, () => [headers(), Buffer.from(BODY)]);
  const start = performance.now();
  await Promise.all(
    Array.from({ length: Number(callers) }, async () => {
      for (let request = requests.pop(); request; request = requests.pop()) await receive(...request);
    }),
  );
  return size / ((performance.now() - start) / 1000);
}

async function byKnocker() {
  const hooks = open(file);
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  const receive = (given, body) => endpoint.receive({ url: URL_PATH, headers: given, body });
  await drive(receive, WARM);
  const rate = await drive(receive, total);
  await hooks.close();
  return rate;
}

async function byHand() {
  const receive = receiverByHand(openRaw(file));
  // A caller that waits for nothing still gives way to others, as a server's would.
  const plain = async (given, body) => (await null, receive(given, body));
  await drive(plain, WARM / 5);
  return drive(plain, total);
}

async function floor() {
  const hooks = open(file);
  hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  await hooks.close();
  const database = openRaw(file);
  database.exec("PRAGMA synchronous = FULL");
  knocker.load(database);
  const secrets = JSON.stringify([SECRET]);
  const both = database.prepare("SELECT knocker_store('github', knocker_judge('github', ?, ?, ?, ?)) AS receipt");
  const run = (size) => {
    const text = () => JSON.stringify({ method: "POST", url: URL_PATH, headers: headers() });
    const requests = Array.from({ length: size }, () => [text(), Buffer.from(BODY), secrets, Date.now()]);
    const start = process.cpuUsage();
    database.exec("BEGIN IMMEDIATE");
    for (const request of requests) both.get(...request);
    database.exec("COMMIT");
    const { user, system } = process.cpuUsage(start);
    return size / ((user + system) / 1e6);
  };
  run(WARM);
  const rate = run(total);
  database.close();
  return rate;
}

console.log(await { knocker: byKnocker, hand: byHand, floor }[way]());
