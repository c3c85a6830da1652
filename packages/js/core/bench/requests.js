// Signed requests for the measurements: the same body and signature, a delivery id of its own each.
import { createHmac } from "node:crypto";

export const SECRET = "test-secret";

/** A push event of about a kilobyte. */
export const BODY = JSON.stringify({
  ref: "refs/heads/main",
  repository: { id: 1296269, full_name: "octo/hello" },
  commits: Array.from({ length: 6 }, (_, index) => ({
    id: `c0ffee${index}`.padEnd(40, "0"),
    message: "Change one line and say why",
    distinct: true,
  })),
});

const SIGNATURE = `sha256=${createHmac("sha256", SECRET).update(BODY).digest("hex")}`;

let next = 0;

/** The headers of the next request. */
export function headers() {
  return {
    host: "127.0.0.1",
    "user-agent": "GitHub-Hookshot/044aadd",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(BODY)),
    "x-github-event": "push",
    "x-github-delivery": `${process.pid}-${next++}`,
    "x-hub-signature-256": SIGNATURE,
  };
}
