// A thread that is a way to a node of rqlite, on which answers get lost: see rqlite-nodes.js.
import { Agent, createServer, request } from "node:http";
import { parentPort, workerData as host } from "node:worker_threads";

const agent = new Agent({ keepAlive: true });
let word;
let isForAll = false;
let lost = 0;

const server = createServer((asked, answer) => {
  const parts = [];
  asked.on("data", (part) => parts.push(part));
  asked.on("end", () => {
    const body = Buffer.concat(parts);
    const isLost = word !== undefined && body.includes(word);
    if (isLost && !isForAll) word = undefined;
    const passed = request(`http://${host}${asked.url}`, { method: "POST", headers: asked.headers, agent }, (given) => {
      if (!isLost) {
        given.pipe(answer.writeHead(given.statusCode, given.headers));
        return;
      }
      given.resume().on("end", () => {
        lost += 1;
        asked.socket.destroy();
      });
    });
    passed.end(body);
  });
});

parentPort.on("message", (given) => {
  if ("word" in given) ({ word, isForAll } = given);
  parentPort.postMessage(lost);
});

server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
