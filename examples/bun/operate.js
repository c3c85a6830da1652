// Looking into the shop's file and acting on it: `bun operate.js`.
import { BadStateError } from "@knocker/bun";

import { hooks } from "./shop.js";

for await (const event of hooks.events({ status: "dead", newestFirst: true })) {
  console.log(event.id, event.endpoint, event.type, event.reason);
  for await (const attempt of hooks.attempts({ eventId: event.id })) {
    console.log("   ", attempt.finishedAt, attempt.result, attempt.error);
  }
}

// After the bug is fixed: every dead push of the last day goes back into the queue.
const yesterday = new Date(Date.now() - 86_400_000);
const { changed } = await hooks.requeueWhere({ status: "dead", endpoint: "github", type: "push", since: yesterday });
console.log(changed, "requeued");

try {
  await hooks.replay(1);
} catch (error) {
  if (!(error instanceof BadStateError)) throw error;
  console.log(error.code, "-", error.hint);
}

// Keep handled events for 30 days, refused and repeated deliveries for 7. Workers run the passes.
await hooks.retention({ handledS: 30 * 86_400, deliveriesS: 7 * 86_400 });

const { events } = await hooks.stats();
console.log(events.received + events.failed, "waiting,", events.dead, "dead");
await hooks.close();
