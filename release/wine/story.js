// A webhook on Windows, from the request to the handler's row: `story.js node|bun OUTCOME`. What a program of Windows prints does not pass wine's pipes whole, so the
// outcome goes into a file.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

const [runtime, file] = process.argv.slice(2);
// Bun finds no relative path under wine.
const outcome = resolve(file);
try {
  const { open, loadablePath } = await import(`@knocker/${runtime}`);
  const { drain, sign } = await import(`@knocker/${runtime}/testing`);
  const hooks = open(`${runtime}.db`);
  const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: ["whsec_test"] });
  stripe.on("checkout.session.completed", (event, tx) => {
    tx.exec("CREATE TABLE orders (id TEXT PRIMARY KEY)");
    tx.exec(`INSERT INTO orders VALUES ('${event.json().id}')`);
  });
  const signed = sign("stripe", { id: "evt_1", type: "checkout.session.completed" }, "whsec_test");
  const request = () => new Request("https://shop.example/stripe", { method: "POST", headers: signed.headers, body: signed.body });
  const answers = [await stripe.fetch(request()), await stripe.fetch(request())].map((response) => response.status);
  const { handled } = await drain(hooks);
  const orders = hooks.query("SELECT id FROM orders").map(({ id }) => id);
  await hooks.close();
  writeFileSync(outcome, JSON.stringify({ answers, handled, orders, library: loadablePath() }));
} catch (error) {
  writeFileSync(outcome, String(error?.stack ?? error));
  process.exitCode = 1;
}
