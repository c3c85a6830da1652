// A case: one form of one provider's request, read from `cases/`. The Python suite reads the same files.

import { readFileSync } from "node:fs";

// 2026-01-01T00:00:00Z: the moment at which everything is signed and, unless a check is about time, verified.
export const NOW_MS = 1_767_225_600_000;

const KEYS = [
  ["provider", "secret", "request", "signer", "signature"],
  ["options", "signing_secret", "secret_form", "secret_prefix", "blank_secret", "timestamp", "signed_body", "also_signed"],
  ["tolerance_s", "future", "variants"],
].flat();

/** One HTTP request. Header names keep their spelling and are found in any. */
export class Request {
  constructor({ method = "POST", url = "https://example.com/hooks", headers = { "Content-Type": "application/json" }, body }) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
  }

  /** The value of a header, or an empty text. */
  header(name) {
    const found = Object.entries(this.headers).find(([key]) => key.toLowerCase() === name.toLowerCase());
    return found ? found[1] : "";
  }

  /** The headers with names in lower case, as Node's servers have them. */
  get lowerCased() {
    return Object.fromEntries(Object.entries(this.headers).map(([name, value]) => [name.toLowerCase(), value]));
  }

  /** The request of the Fetch API. */
  get fetched() {
    const init = { method: this.method, headers: this.headers };
    return new globalThis.Request(this.url, this.method === "GET" ? init : { ...init, body: this.body });
  }

  /** The same request with some of its fields changed. */
  with(fields) {
    return new Request({ ...this, ...fields });
  }

  /** The same request with these headers in place of those of the same names. */
  withHeaders(headers) {
    const replaced = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    const others = Object.entries(this.headers).filter(([name]) => !replaced.has(name.toLowerCase()));
    return this.with({ headers: { ...Object.fromEntries(others), ...headers } });
  }
}

/** Where something stands: in a header, or in the body where there is none. The first group of `match` is the thing itself. */
export class Location {
  constructor({ header = "", match, encoding = "text" }) {
    this.header = header;
    this.match = new RegExp(match, "d");
    this.encoding = encoding;
  }

  /** The thing as it is written. */
  read(request) {
    return this.#find(request).thing;
  }

  /** The same request with another value in that place. */
  write(request, value) {
    const { before, after } = this.#find(request);
    const text = before + value + after;
    return this.header ? request.withHeaders({ [this.header]: text }) : request.with({ body: text });
  }

  #find(request) {
    const text = this.header ? request.header(this.header) : request.body;
    const found = this.match.exec(text);
    if (!found) throw new Error(`${this.match} is not in ${this.header || "the body"}: ${text}`);
    const [start, end] = found.indices[1];
    return { before: text.slice(0, start), thing: text.slice(start, end), after: text.slice(end) };
  }
}

/** What the README of the folder above describes, with its defaults filled in. */
export class Case {
  constructor(name, fields) {
    const unknown = Object.keys(fields).find((key) => !KEYS.includes(key));
    if (unknown) throw new Error(`cases/${name}.json: unknown key ${unknown}`);
    this.name = name;
    this.provider = fields.provider;
    this.secret = fields.secret;
    this.signingSecret = fields.signing_secret ?? "";
    this.secretForm = fields.secret_form ?? "text";
    this.secretPrefix = fields.secret_prefix ?? "";
    this.blankSecret = fields.blank_secret === undefined ? "" : fields.blank_secret;
    this.options = fields.options ?? {};
    this.request = new Request(fields.request);
    this.signer = fields.signer;
    this.signature = new Location(fields.signature);
    this.timestamp = fields.timestamp ? new Location(fields.timestamp) : null;
    this.signedBody = fields.signed_body === undefined ? ".*" : fields.signed_body;
    this.alsoSigned = fields.also_signed ?? [];
    this.toleranceS = fields.tolerance_s ?? null;
    this.future = fields.future ?? "refused";
    this.variants = fields.variants ?? [];
  }

  /** What signs: the private key where there is one, else the shared secret. */
  get key() {
    return this.signingSecret || this.secret;
  }

  /** The moments at which age decides: a name, the moment, and whether the request of `NOW_MS` is valid then. */
  moments() {
    if (this.toleranceS === null) return [];
    const toleranceMs = this.toleranceS * 1000;
    return [
      ["the greatest age allowed", NOW_MS + toleranceMs, true],
      ["a second more than that", NOW_MS + toleranceMs + 1000, false],
      ["a timestamp ahead of the clock", NOW_MS - toleranceMs - 1000, this.future === "accepted"],
    ];
  }

  /** This case with some of its fields changed. */
  with(fields) {
    return Object.assign(Object.create(Case.prototype), this, fields);
  }

  /** This case with the changes of one of its variants. */
  variant({ request = {}, signer = {}, headers = {}, secret = this.secret, options = this.options }) {
    const merged = { ...this.signer, ...signer, headers: { ...this.signer.headers, ...headers } };
    return this.with({ request: this.request.with(request), signer: merged, secret, options });
  }
}

/** The case of this name. */
export function load(name) {
  return new Case(name, JSON.parse(readFileSync(new URL(`../cases/${name}.json`, import.meta.url), "utf8")));
}
