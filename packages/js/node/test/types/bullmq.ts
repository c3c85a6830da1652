// Compiled, never run, since BullMQ needs a Redis: a webhook of BullMQ before and after it moves.
import { Queue, UnrecoverableError, Worker } from "bullmq";
import express from "express";
import { Dead, open } from "@knocker/node";

declare function signedByStripe(request: express.Request): boolean;
declare function saveOrder(id: string): Promise<void>;

const app = express();
const connection = { host: "localhost" };

// region: before
const webhooks = new Queue("stripe", { connection });

app.post("/webhooks/stripe", express.raw({ type: "*/*" }), async (request, response) => {
  if (!signedByStripe(request)) return response.sendStatus(400);
  const event = JSON.parse(request.body);
  await webhooks.add(event.type, event, { jobId: event.id, attempts: 10, backoff: { type: "exponential", delay: 5000 } });
  response.sendStatus(200);
});

new Worker(
  "stripe",
  async (job) => {
    if (job.name !== "checkout.session.completed") return;
    if (!job.data.data.object.id) throw new UnrecoverableError("no id");
    await saveOrder(job.data.data.object.id);
  },
  { connection, concurrency: 4 },
);
// endregion: before

// region: after
const hooks = open("shop.db");
const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env["STRIPE_WEBHOOK_SECRET"]], maxAttempts: 10 });
const receipts = new Queue("receipts", { connection });

stripe.on("checkout.session.completed", async (event, tx) => {
  const { id } = event.json<{ data: { object: { id?: string } } }>().data.object;
  if (!id) throw new Dead("no id");
  tx.prepare("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING").run(id);
  // The last act: should the process die before the commit, the job is added again, under the same id.
  await receipts.add("receipt", { id }, { jobId: event.key ?? undefined });
});

app.use("/webhooks", hooks.express());
void hooks.work({ concurrency: 4 });
// endregion: after
