// TypeScript's resolution of before it knew `exports`, which Nest's and many other projects still have: `moduleResolution: node`.
import { type Database, type Event, type Hooks, open } from "@knocker/node";
import { drain, frozenClock } from "@knocker/node/testing";

const hooks: Hooks<Database> = open("app.db", { now: frozenClock() });
hooks.endpoint("inbound", {}).on("*", (event: Event) => console.log(event.id));
void drain(hooks).then(({ handled }) => handled.toFixed());
