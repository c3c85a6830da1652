// A worker that prints when its handler began, in Unix milliseconds; and its own CPU share over three idle seconds when it is asked.
const { open } = await import(process.env.KNOCKER_BENCH_SERVER);
const hooks = open(process.argv[2]);

hooks.endpoint("github").on("push", () => console.log(performance.timeOrigin + performance.now()));
hooks.work();
console.log("ready");

process.stdin.on("data", () => {
  const start = performance.now();
  const before = process.cpuUsage();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    console.log(((user + system) / 1000 / (performance.now() - start)) * 100);
  }, 3000);
});
