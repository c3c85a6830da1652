/** The front door: one database, its endpoints and workers. */

import type { Driver } from "./driver.js";
import { Endpoint, type EndpointOptions } from "./endpoint.js";
import type { NodeHandler } from "./http/express.js";
import { routeExpress, routeFetch } from "./http/router.js";
import { Leases } from "./leases.js";
import { Operator } from "./operate.js";
import type { OpenOptions } from "./options.js";
import { Inbox } from "./inbox.js";
import { Worker, type WorkOptions } from "./worker.js";

/** Reaches into a `Hooks`, for the testing module of this package. */
export const INTERNALS = Symbol("knocker internals");

/** Knocker on one database. `Tx` is the driver's database class, which handlers get. */
export class Hooks<Tx extends object> extends Operator<Tx> {
  readonly #endpoints = new Map<string, Endpoint<Tx>>();

  /** Use `open` or `attach`. */
  constructor(driver: Driver<Tx>, source: { path: string } | { database: Tx }, options: OpenOptions) {
    super(new Inbox(driver, source, options));
  }

  /** The file, `""` for a database in memory. */
  get file(): string {
    return this.inbox.file;
  }

  /**
   * An endpoint. With options it is created or updated in the file: a setting that is left out gets its default. Without options nothing is
   * written, and the endpoint must have been created elsewhere.
   * @throws UsageError, InvalidArgumentError, UnknownProviderError, UnknownEndpointError where there is none of that name and no options are given, ClosedError
   */
  endpoint(name: string, options?: EndpointOptions): Endpoint<Tx> {
    this.inbox.requireOpen();
    const endpoint = this.#endpoints.get(name) ?? new Endpoint(this.inbox, name);
    if (options !== undefined) endpoint.configure(options);
    else if (!this.#endpoints.has(name)) endpoint.requireStored();
    this.#endpoints.set(name, endpoint);
    return endpoint;
  }

  /** All endpoints of this process under one path, by the last segment of the URL: `app.use("/webhooks", hooks.express())`. */
  express(): NodeHandler {
    return routeExpress((name) => this.#endpoints.get(name));
  }

  /** The same for `Bun.serve` and everything else that speaks fetch. */
  readonly fetch = routeFetch((name) => this.#endpoints.get(name));

  /** Starts a worker in this thread. It runs until it is stopped. */
  work(options: WorkOptions = {}): Worker<Tx> {
    return new Worker(this.inbox, this.#endpoints, options);
  }

  /** The queue as a worker of your own sees it, call by call. `work` does all of this for you. */
  leases(worker: string): Leases {
    return new Leases(this.inbox, worker);
  }

  /** Stops the workers, finishes what was submitted and closes the connections that were opened here. Inside a handler it settles at once. */
  close(): Promise<void> {
    return this.inbox.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the testing module works with. Not for applications. */
  get [INTERNALS](): { inbox: Inbox<Tx>; endpoints: ReadonlyMap<string, Endpoint<Tx>> } {
    return { inbox: this.inbox, endpoints: this.#endpoints };
  }
}
