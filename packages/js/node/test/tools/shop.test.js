// Jest without flags and without a transform, which requires no ES module before Node 24.9.
const { BusyError, KnockerError, open } = require("@knocker/node");
const { drain, frozenClock, sign } = require("@knocker/node/testing");

test("a handler is tested under Jest", async () => {
  const hooks = open(":memory:", { driver: "better-sqlite3", now: frozenClock() });
  const github = hooks.endpoint("github", { provider: "github", secrets: ["test-secret"] });
  const seen = [];
  github.on("push", (event, tx) => {
    tx.exec("CREATE TABLE builds (event INTEGER)");
    seen.push(event.json().ref);
  });
  const push = sign("github", '{"ref": "main"}', "test-secret", {
    driver: "better-sqlite3",
    headers: { "X-GitHub-Event": "push", "X-GitHub-Delivery": "1" },
  });
  expect((await github.receive(push)).outcome).toBe("accepted");
  expect((await drain(hooks)).handled).toBe(1);
  expect(seen).toEqual(["main"]);
  // One tree of errors, whichever module they come from.
  expect(BusyError.prototype).toBeInstanceOf(KnockerError);
  expect(() => hooks.endpoint("unknown")).toThrow(KnockerError);
  await hooks.close();
});
