/** The front door: one database, its endpoints and workers. */

import type { Driver } from "./driver.js";
import { Endpoint, type EndpointOptions } from "./endpoint.js";
import type { NodeHandler } from "./http/express.js";
import type { FastifyPlugin } from "./http/fastify.js";
import type { HonoHandler } from "./http/hono.js";
import { serveMetrics, serveMetricsExpress } from "./http/metrics.js";
import { routeExpress, routeFastify, routeFetch, routeHono } from "./http/router.js";
import { knockerError } from "./errors.js";
import { Leases } from "./leases.js";
import { Operator } from "./operate.js";
import type { OpenOptions } from "./options.js";
import { Inbox } from "./inbox.js";
import { RqliteInbox } from "./rqlite/inbox.js";
import { type Running, RqliteWorker } from "./rqlite/worker.js";
import { isInHandlerOf } from "./running.js";
import { Worker, type WorkOptions } from "./worker.js";

/** Reaches into a `Hooks`, for the testing module of this package. */
export const INTERNALS = Symbol("knocker internals");

/** A file, a database that the application has opened, or the nodes of a cluster. */
type Source<Tx> = { path: string } | { database: Tx } | { nodes: string };

function inboxOf<Tx extends object>(driver: Driver<Tx>, source: Source<Tx>, options: OpenOptions): Inbox<Tx> {
  return "nodes" in source ? new RqliteInbox(driver, source.nodes, options) : new Inbox(driver, source, options);
}

/** Knocker on one database. `Tx` is the driver's database class, which handlers get. */
export class Hooks<Tx extends object> extends Operator<Tx> {
  readonly #endpoints = new Map<string, Endpoint<Tx>>();
  readonly #source: Source<Tx>;
  readonly #options: OpenOptions;
  readonly #owner: "application" | "tenants";

  /** Use `open` or `attach`. */
  constructor(driver: Driver<Tx>, source: Source<Tx>, options: OpenOptions, owner: "application" | "tenants" = "application") {
    super(inboxOf(driver, source, options));
    this.#source = source;
    this.#options = options;
    this.#owner = owner;
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
    else if (!this.#endpoints.has(name)) endpoint.takeAsStored();
    this.#endpoints.set(name, endpoint);
    return endpoint;
  }

  /** The endpoints of this process by name. */
  get endpoints(): ReadonlyMap<string, Endpoint<Tx>> {
    return new Map(this.#endpoints);
  }

  /** All endpoints of this process under one path, by the last segment of the URL: `app.use("/webhooks", hooks.express())`. */
  express(): NodeHandler {
    return routeExpress((name) => this.#endpoints.get(name));
  }

  /** The same for `Bun.serve` and everything else that speaks fetch. */
  readonly fetch = routeFetch((name) => this.#endpoints.get(name));

  /** The same for Hono, on any runtime: `app.all("/webhooks/*", hooks.hono())`. */
  hono(): HonoHandler {
    return routeHono((name) => this.#endpoints.get(name));
  }

  /** The same for Fastify: `app.register(hooks.fastify(), { prefix: "/webhooks" })`. */
  fastify(): FastifyPlugin {
    return routeFastify((name) => this.#endpoints.get(name));
  }

  /** `metrics()` for everything that speaks fetch: `app.get("/metrics", (c) => hooks.metricsFetch(c.req.raw))`. For your monitoring alone. */
  readonly metricsFetch = serveMetrics(this, (error) => this.inbox.telling.error(error, "metrics_failed"));

  /** `metrics()` for Node's http and Express: `app.get("/metrics", hooks.metricsExpress())`. For your monitoring alone. */
  metricsExpress(): NodeHandler {
    return serveMetricsExpress(this, (error) => this.inbox.telling.error(error, "metrics_failed"));
  }

  /** Starts a worker in this thread. It runs until it is stopped. */
  work(options: WorkOptions = {}): Worker<Tx> {
    if (!(this.inbox instanceof RqliteInbox)) return new Worker(this.inbox, this.#endpoints, options);
    // To an application it is the same.
    return new RqliteWorker(this.inbox, this.#endpoints, options) as Running<Tx> as Worker<Tx>;
  }

  /** The queue as a worker of your own sees it, call by call. `work` does all of this for you. */
  leases(worker: string): Leases {
    return new Leases(this.inbox, worker);
  }

  /** Stops the workers, finishes what was submitted and closes the connections that were opened here. Inside a handler it settles at once. */
  async close(): Promise<void> {
    this.#requireOwn("close");
    return this.inbox.close();
  }

  /** Those of `openMany` are everybody's who uses that tenant. */
  #requireOwn(what: string): void {
    if (this.#owner === "tenants")
      throw knockerError("usage", `${what}: these hooks are of openMany, and others may use them: close the tenants`);
  }

  /**
   * Opens again after `close`, so that one application can be started twice in one process; or goes on on another file, such as one of a test. The endpoints are
   * declared there, with their secrets and handlers; workers are to be started anew. Does nothing where it is open and no path and no options are given.
   * @param path default: the same file, or the database that was attached.
   * @param options what shall be different from what `open` was given.
   * @throws UsageError inside a handler, and everything that `open` throws: then it stays closed.
   */
  async reopen(path?: string, options: OpenOptions = {}): Promise<void> {
    this.#requireOwn("reopen");
    const isSame = path === undefined && Object.keys(options).length === 0;
    if (isSame && this.inbox.isOpen) return;
    if (isInHandlerOf(this.inbox)) throw knockerError("usage", "reopen: not inside a handler, which works on the file that is open");
    const { driver } = this.inbox;
    await this.close();
    const inbox = inboxOf(driver, path === undefined ? this.#source : { path }, { ...this.#options, ...options });
    try {
      for (const endpoint of this.#endpoints.values()) endpoint.moveTo(inbox);
    } catch (error) {
      await inbox.close();
      throw error;
    }
    this.inbox = inbox;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the testing module works with. Not for applications. */
  get [INTERNALS](): { inbox: Inbox<Tx>; endpoints: ReadonlyMap<string, Endpoint<Tx>> } {
    return { inbox: this.inbox, endpoints: this.#endpoints };
  }
}
