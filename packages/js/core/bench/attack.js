// Two strangers: `attack.js <port>`. After "begin" each sends one request of 1 MiB after the other that costs as much to refuse as a request can; after "end" it
// prints how many were answered.
import { connect } from "node:net";
import { createInterface } from "node:readline";

const port = Number(process.argv[2]);
const MIB = 1024 * 1024;

/** Signatures of the right form, each another. */
function signatures(count) {
  const bytes = Buffer.alloc(64, 7);
  return Array.from({ length: count }, (_, index) => {
    bytes.writeUInt16BE(index);
    return `v1a,${bytes.toString("base64")}`;
  }).join(" ");
}

function post(path, headers, body) {
  const lines = Object.entries({ host: "127.0.0.1", ...headers, "content-length": body.length }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.concat([Buffer.from(`POST /webhooks/${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`), body]);
}

/** As many signatures as are looked at, then as many as there is room for. */
function* curves() {
  const body = Buffer.alloc(MIB, "x");
  for (let number = 0; ; number++) {
    const headers = {
      "svix-id": `msg_${number}`,
      "svix-timestamp": Math.floor(Date.now() / 1000),
      "svix-signature": signatures(number % 4 === 3 ? 700 : 8),
    };
    yield post("svix", headers, body);
  }
}

/** A body that is all numbers. */
function* numbers() {
  const body = Buffer.from(`[${"1,".repeat(MIB / 2 - 2)}1]`);
  for (;;) yield post("mailgun", { "content-type": "application/json" }, body);
}

let attacking = false;
let answered = 0;

function stranger(requests) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let waits = false;
  const next = () => {
    waits = attacking;
    if (waits) socket.write(requests.next().value);
  };
  // One small answer a request: it comes in one piece.
  socket.on("data", () => {
    answered += 1;
    next();
  });
  return () => {
    if (!waits) next();
  };
}

const strangers = [stranger(curves()), stranger(numbers())];
console.log("ready");
for await (const word of createInterface({ input: process.stdin })) {
  attacking = word === "begin";
  if (attacking) {
    answered = 0;
    for (const begin of strangers) begin();
  }
  console.log(answered);
}
