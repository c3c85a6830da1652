// The same for CommonJS.
import knocker = require("@knocker/node");
import testing = require("@knocker/node/testing");

const hooks: knocker.Hooks<knocker.Database> = knocker.open("app.db", { now: testing.frozenClock() });
hooks.endpoint("inbound", {}).on("*", (event) => console.log(event.id));
