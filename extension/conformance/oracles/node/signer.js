// A signer that knows nothing of Knocker: the scheme stands in the case, the primitives are Node's.

import { createHash, createHmac, createPrivateKey, sign as signWith } from "node:crypto";

import { NOW_MS } from "./case.js";

const PLACEHOLDER = /\{(timestamp|body|url|method|secret|form|signature|header:[\w-]+)\}/;

// What stands before the raw key in PKCS #8.
const ED25519_DER = Buffer.from("302e020100300506032b657004220420", "hex");
const P256_DER = Buffer.from("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420", "hex");

/** The request of the case as the provider would send it at `nowMs`. */
export function sign(testCase, nowMs = NOW_MS) {
  const { signer, request } = testCase;
  const values = {
    timestamp: timestamp(signer.timestamp, nowMs),
    body: request.body,
    url: request.url,
    method: request.method,
    secret: testCase.secret,
    form: form(request),
  };
  const named = (name) => (name.startsWith("header:") ? request.header(name.slice(7)) : values[name]);
  const fill = (template) =>
    template
      .split(PLACEHOLDER)
      .map((part, index) => (index % 2 ? named(part) : part))
      .join("");

  const signature = mac(signer.mac, key(testCase), Buffer.from(fill(signer.over ?? "")));
  values.signature = encode(signer.encoding ?? "hex", signature);
  const given = Object.entries(signer.headers).filter(([, text]) => text !== null);
  const headers = Object.fromEntries(given.map(([name, text]) => [name, fill(text)]));
  const body = signer.body === undefined ? request.body : fill(signer.body);
  return request.with({ body }).withHeaders(headers);
}

function timestamp(unit, nowMs) {
  if (unit === "iso8601") return new Date(nowMs).toISOString().replace(".000Z", "Z");
  return String(unit === "ms" ? nowMs : Math.floor(nowMs / 1000));
}

// The fields sorted by name and then value, each name and value once, without separators.
function form(request) {
  if (!request.header("Content-Type").includes("form")) return "";
  const pairs = [...new URLSearchParams(request.body)].map(([name, value]) => [name, value, `${name}=${value}`]);
  const order = (one, other) => (one < other ? -1 : Number(one > other));
  const sorted = pairs.toSorted((one, other) => order(one[0], other[0]) || order(one[1], other[1]));
  return sorted
    .filter((pair, index) => pair[2] !== sorted[index - 1]?.[2])
    .map(([name, value]) => name + value)
    .join("");
}

function key(testCase) {
  switch (testCase.signer.key) {
    case "base64":
      return Buffer.from(testCase.key.replace(/^wh(sec|sk)_/, ""), "base64");
    case "hex":
      return Buffer.from(testCase.key, "hex");
    case "sha1":
      // Braintree: of the private key, which stands after the public one.
      return createHash("sha1").update(testCase.key.split("|").at(-1)).digest();
    default:
      return Buffer.from(testCase.key);
  }
}

function mac(algorithm, secret, message) {
  switch (algorithm) {
    case "token":
      return secret;
    case "sha256":
      return createHash("sha256").update(message).digest();
    case "ed25519":
      return signWith(null, message, pkcs8(ED25519_DER, secret));
    case "ecdsa-p256":
      return signWith("sha256", message, pkcs8(P256_DER, secret));
    default:
      return createHmac(algorithm.replace("hmac-", ""), secret).update(message).digest();
  }
}

function pkcs8(prefix, secret) {
  return createPrivateKey({ key: Buffer.concat([prefix, secret.subarray(0, 32)]), format: "der", type: "pkcs8" });
}

/** The signature as text. */
export function encode(encoding, signature) {
  if (encoding === "upper-case hex") return signature.toString("hex").toUpperCase();
  return signature.toString(encoding === "text" ? "utf8" : encoding);
}

/** The bytes of a signature that is written in `encoding`. */
export function decode(encoding, text) {
  return Buffer.from(text, encoding === "text" ? "utf8" : encoding);
}
