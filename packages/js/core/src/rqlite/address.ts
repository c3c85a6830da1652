/** Where the nodes of a cluster of rqlite are, and who asks them. */

import { knockerError } from "../errors.js";

const SHAPE = "rqlite://user:password@a:4001,b:4001,c:4001";
const DEFAULT_PORT = "4001";

/** Whether this is meant as the nodes of a cluster, and not as a file. */
export function isAddress(text: unknown): text is string {
  return typeof text === "string" && /^rqlites?:\/\//.test(text);
}

/** The nodes of a cluster. */
export class Address {
  /** Their URLs, without credentials. */
  readonly nodes: readonly string[];
  /** The header that says who asks, where somebody was named. */
  readonly authorization: string | undefined;
  readonly #scheme: string;

  /** @throws UsageError, which does not repeat what was given: it may hold a password. */
  constructor(text: string) {
    const [, scheme, rest] = /^(rqlites?):\/\/(.*)$/s.exec(text)!;
    this.#scheme = scheme!;
    const at = rest!.lastIndexOf("@");
    if (at >= 0) this.authorization = authorizationOf(rest!.slice(0, at));
    const hosts = rest!.slice(at + 1);
    if (/[/?#]/.test(hosts)) throw knockerError("usage", `open(path): the address names nodes alone, without a path or a query: ${SHAPE}`);
    const protocol = scheme === "rqlites" ? "https" : "http";
    this.nodes = hosts.split(",").map((host) => `${protocol}://${hostOf(host.trim())}`);
  }

  /** Without credentials. */
  toString(): string {
    return `${this.#scheme}://${this.nodes.map((node) => node.slice(node.indexOf("//") + 2)).join(",")}`;
  }
}

function authorizationOf(credentials: string): string {
  const [name, ...password] = credentials.split(":");
  try {
    if (name !== "") {
      const decoded = `${decodeURIComponent(name!)}:${decodeURIComponent(password.join(":"))}`;
      return `Basic ${Buffer.from(decoded).toString("base64")}`;
    }
  } catch {
    // Told below: the error would repeat what was given.
  }
  throw knockerError("usage", `open(path): user and password are to be percent-encoded: ${SHAPE}`);
}

function hostOf(host: string): string {
  const [, name, port] = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]@\s]+)(?::([0-9]{1,5}))?$/.exec(host) ?? [];
  if (name === undefined) throw knockerError("usage", `open(path): a node has no name, or no port that could be one: ${SHAPE}`);
  return `${name}:${port ?? DEFAULT_PORT}`;
}
