// What people write without Knocker: verify, then one insert with a commit of its own.
import { createHmac, timingSafeEqual } from "node:crypto";

import { SECRET } from "./requests.js";

/** A function that takes headers and body and returns the status. */
export function receiverByHand(database) {
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec(
    "CREATE TABLE IF NOT EXISTS webhooks (id INTEGER PRIMARY KEY, delivery TEXT UNIQUE, type TEXT, headers TEXT, body BLOB, received_at INTEGER, handled_at INTEGER)",
  );
  const insert = database.prepare(
    "INSERT INTO webhooks (delivery, type, headers, body, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  return (headers, body) => {
    const expected = Buffer.from(`sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);
    const given = Buffer.from(headers["x-hub-signature-256"] ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 401;
    insert.run(headers["x-github-delivery"], headers["x-github-event"], JSON.stringify(headers), body, Date.now());
    return 200;
  };
}
