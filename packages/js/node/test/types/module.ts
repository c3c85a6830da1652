// Compiled with every declaration file checked: an application in TypeScript without the drivers' types.
import { type EventSummary, KnockerError, open, openMany, Retry, type Stats, type Verdict } from "@knocker/node";
import { drain, frozenClock, sign } from "@knocker/node/testing";

const clock = frozenClock();
const hooks = open(":memory:", { now: clock });
const github = hooks.endpoint("github", { provider: "github", secrets: async (request) => [String(request.url)] });

github.on("push", (event, tx) => {
  if (event.attempt > 1) throw new Retry({ after: 60 });
  tx.prepare("INSERT INTO pushes VALUES (?)").run(event.id);
  tx.prepare("INSERT INTO pushes VALUES (@id)").run({ id: event.id });
});

// A secret for each tenant, by a header.
const tenants = new Map([["a", "test-secret"]]);
hooks.endpoint("tenants", { provider: "github", secrets: ({ headers }) => tenants.get(String(headers["x-tenant"])) });

// Whatever a handler returns is of no interest.
github.on("ping", (event, tx) => tx.prepare("INSERT INTO pings VALUES (?)").run(event.id));
github.on("star", async (event, tx) => tx.prepare("INSERT INTO stars VALUES (?)").run(event.id));

export const verdict: Promise<Verdict> = github.verify({ headers: {} });

export async function list(): Promise<EventSummary[]> {
  const events: EventSummary[] = [];
  for await (const event of hooks.events({ status: ["dead", "failed"], newestFirst: true })) events.push(event);
  try {
    await hooks.replay(1);
  } catch (error) {
    if (error instanceof KnockerError && error.retryable) console.log(error.code, error.hint);
  }
  await github.receive(sign("github", { ref: "main" }, "test-secret"));
  const { handled } = await drain(hooks);
  console.log(handled);
  return events;
}

const shops = openMany(
  "shops/*.db",
  async (its, shop) => {
    its.endpoint("orders", { secrets: [shop] }).on("*", (event, tx) => tx.prepare("INSERT INTO orders VALUES (?)").run(event.id));
  },
  { maxOpen: 8 },
);

export const receive: (request: Request) => Promise<Response> = shops.fetch((request) => request.headers.get("x-shop"));
export const shop: Promise<Stats> = shops.hooks("acme", (its) => its.stats());
export const serve = shops.express((request) => request.headers.host?.split(".")[0]);

export async function workForShops(signal: AbortSignal): Promise<void> {
  await shops.work({ concurrency: 2, signal }).done;
  await shops.close();
}
