/** Many files, one a tenant. */

import { between, check, checkObject, FUNCTION, OBJECT, TEXT } from "./check.js";
import type { Driver } from "./driver.js";
import { Hooks, INTERNALS } from "./hooks.js";
import type { NodeHandler } from "./http/express.js";
import type { FastifyPlugin } from "./http/fastify.js";
import type { HonoContext, HonoHandler } from "./http/hono.js";
import { type FindTenant, TenantRoutes } from "./http/tenants.js";
import { tenantLogger } from "./log.js";
import { checkOptions, type OpenOptions } from "./options.js";
import { endOnReload } from "./reload.js";
import { TenantPattern } from "./tenant-pattern.js";
import { TenantPool } from "./tenant-pool.js";
import { checkWork, TenantsWorker } from "./tenants-worker.js";
import type { WorkOptions } from "./worker.js";
import type { IncomingMessage } from "node:http";

/** How files of tenants are opened: each as `open` opens one. */
export interface TenantsOptions extends OpenOptions {
  /**
   * How many files are open at once for receiving, and how many for working. Default 32. One for receiving costs one connection, one for working two and one more
   * for each handler that may run at once; a connection has two or three descriptors.
   */
  maxOpen?: number;
}

/** Declares the endpoints of a tenant and their handlers. Runs each time that its file is opened, before anything else uses it. */
export type SetUp<Tx extends object> = (hooks: Hooks<Tx>, tenant: string) => unknown;

const DEFAULT_MAX_OPEN = 32;

/** The webhooks of many files, one a tenant. `Tx` is the driver's database class, which handlers get. */
export class Tenants<Tx extends object> {
  readonly #pattern: TenantPattern;
  readonly #setUp: SetUp<Tx>;
  readonly #driver: Driver<Tx>;
  readonly #options: OpenOptions;
  readonly #maxOpen: number;
  readonly #pool: TenantPool<Tx>;
  readonly #routes: TenantRoutes<Tx>;
  readonly #workers = new Set<TenantsWorker<Tx>>();
  readonly #forgetReload: () => void;
  #closing: Promise<void> | undefined;
  #tourMs: number | undefined;

  /** Use `openMany`. */
  constructor(driver: Driver<Tx>, pattern: string, setUp: SetUp<Tx>, options: TenantsOptions) {
    check("openMany(pattern, setUp, options)", "options", options, OBJECT);
    const { maxOpen, ...rest } = options;
    checkObject("openMany(pattern, setUp, options)", { maxOpen }, { maxOpen: between(1, 10_000) });
    checkOptions("openMany(pattern, setUp, options)", rest);
    check("openMany(pattern, setUp, options)", "setUp", setUp, FUNCTION);
    this.#pattern = new TenantPattern(pattern);
    this.#setUp = setUp;
    this.#driver = driver;
    this.#options = rest;
    this.#maxOpen = maxOpen ?? DEFAULT_MAX_OPEN;
    this.#pool = new TenantPool(this.#maxOpen, rest.busyTimeoutMs ?? 5000, (tenant) => this.#open(tenant));
    this.#routes = new TenantRoutes(this, rest);
    this.#forgetReload = endOnReload(() => void this.close());
  }

  /** The absolute path, with the `*` that stands for a tenant's name. */
  get pattern(): string {
    return this.#pattern.text;
  }

  /** How many files are open now. */
  get openFiles(): number {
    return this.#pool.size;
  }

  /** The names of the tenants that have a file now, in order. */
  names(): string[] {
    return this.#pattern.names();
  }

  /**
   * Calls `use` with the hooks of a tenant's file, for receiving, lists and operations. The file stays open until what it returns has settled; the hooks are not to be
   * used after that, and never to be closed. Where `maxOpen` files are in use it waits as long as `busyTimeoutMs` says.
   * @throws UnknownTenantError where it has no file, or that is no name; nothing is made. TooManyOpenError, ClosedError, and what `open` and the set-up throw.
   */
  async hooks<T>(tenant: string, use: (hooks: Hooks<Tx>) => T | PromiseLike<T>): Promise<T> {
    check("hooks(tenant, use)", "use", use, FUNCTION);
    if (!this.#pattern.has(tenant)) {
      if (typeof tenant === "string") this.#pool.drop(tenant, () => this.#pattern.hasLog(tenant));
      this.#pattern.require(tenant);
    }
    return this.#pool.use(tenant, use);
  }

  /**
   * Makes the file of a new tenant, and the folder of its own where the pattern has one, with all that the set-up declares.
   * @throws UsageError where it has a file, UnknownTenantError where that is no name.
   */
  async create(tenant: string): Promise<void> {
    check("create(tenant)", "tenant", tenant, TEXT);
    this.#pattern.create(tenant);
    // SQLite takes no log for that of a new file.
    this.#pool.drop(tenant, () => false);
    await this.hooks(tenant, () => {});
  }

  /** Every tenant's endpoints for Node's http and Express: `app.use("/webhooks", tenants.express((request) => …))`. The last segment of the URL names the endpoint. */
  express(tenantOf: FindTenant<IncomingMessage>): NodeHandler {
    return this.#routes.express(tenantOf);
  }

  /** The same for `Bun.serve` and everything else that speaks fetch. */
  fetch(tenantOf: FindTenant<Request>): (request: Request) => Promise<Response> {
    return this.#routes.fetch(tenantOf);
  }

  /** The same for Hono, on any runtime. */
  hono(tenantOf: FindTenant<HonoContext>): HonoHandler {
    return this.#routes.hono(tenantOf);
  }

  /** The same for Fastify: `app.register(tenants.fastify((request) => …), { prefix: "/webhooks" })`. */
  fastify(tenantOf: FindTenant<IncomingMessage>): FastifyPlugin {
    return this.#routes.fastify(tenantOf);
  }

  /**
   * Starts a worker in this thread for every tenant. It works in a file when something is due there, in as many at once as `maxOpen` says, each with these options.
   * Where more have work, each has its turn of about a second. Any number of processes may work on the same files.
   */
  work(options: WorkOptions = {}): TenantsWorker<Tx> {
    this.#pool.requireOpen();
    checkWork(options);
    const worker = new TenantsWorker<Tx>({
      pattern: this.#pattern,
      pool: this.#pool,
      driver: this.#driver,
      maxOpen: this.#maxOpen,
      options: this.#options,
      work: options,
      tourMs: this.#tourMs,
    });
    this.#workers.add(worker);
    void worker.done.then(() => this.#workers.delete(worker));
    return worker;
  }

  /** Stops the workers, finishes what was submitted and closes the files. Inside a handler it settles at once. */
  close(): Promise<void> {
    const isInHandler = [...this.#workers].some((worker) => worker.isInHandler());
    this.#closing ??= this.#end();
    return isInHandler ? Promise.resolve() : this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the tests of this package work with. Not for applications. */
  get [INTERNALS](): { tourEvery: (ms: number) => void } {
    return { tourEvery: (ms) => (this.#tourMs = ms) };
  }

  async #end(): Promise<void> {
    this.#forgetReload();
    await Promise.all([...[...this.#workers].map((worker) => worker.stop()), this.#pool.close()]);
    await Promise.all([...this.#workers].map(({ done }) => done));
  }

  async #open(tenant: string): Promise<Hooks<Tx>> {
    // Opening a file that is not there would create it.
    this.#pattern.require(tenant);
    const options = { ...this.#options, logger: tenantLogger(this.#options.logger, tenant) };
    const hooks = new Hooks<Tx>(this.#driver, { path: this.#pattern.path(tenant) }, options, "tenants");
    try {
      await this.#setUp(hooks, tenant);
      return hooks;
    } catch (error) {
      await hooks[INTERNALS].inbox.close();
      throw error;
    }
  }
}
