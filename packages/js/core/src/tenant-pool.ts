/** The hooks of the tenants whose files are open. */

import { knockerError } from "./errors.js";
import { type Hooks, INTERNALS } from "./hooks.js";

/** A file that is open, being opened or being closed. */
interface OpenTenant<Tx extends object> {
  readonly name: string;
  readonly opened: Promise<Hooks<Tx>>;
  hooks?: Hooks<Tx>;
  /** Those who receive through it now: it is not closed under them. */
  users: number;
  /** What it has a place for. Without one it is closed. */
  receives: boolean;
  workers: number;
  closing?: Promise<void>;
}

/**
 * One tenant has a place for receiving, for working, or both, in one set of hooks; there are as many places for receiving as files may be open. Who works says
 * itself how many.
 */
export class TenantPool<Tx extends object> {
  readonly #open: (tenant: string) => Promise<Hooks<Tx>>;
  readonly #most: number;
  readonly #patienceMs: number;
  readonly #byName = new Map<string, OpenTenant<Tx>>();
  /** Those that have a place for receiving, the one that was used longest ago first. */
  readonly #receiving = new Map<string, OpenTenant<Tx>>();
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(most: number, patienceMs: number, open: (tenant: string) => Promise<Hooks<Tx>>) {
    this.#most = most;
    this.#patienceMs = patienceMs;
    this.#open = open;
  }

  /** How many files are open. */
  get size(): number {
    return this.#byName.size;
  }

  /**
   * Calls `work` with the hooks of a tenant, which stay open until it has settled. Where every place is in use it waits for one.
   * @throws TooManyOpenError
   */
  async use<T>(tenant: string, work: (hooks: Hooks<Tx>) => T | PromiseLike<T>): Promise<T> {
    const end = performance.now() + this.#patienceMs;
    const { open, isFirst } = await this.#takePlace(tenant, end);
    try {
      // Who opens it waits as long as that takes; a set-up that uses its own tenant would wait for itself.
      return await work(await (isFirst ? open.opened : this.#openUntil(open, end)));
    } finally {
      open.users -= 1;
      if (open.users === 0) this.#tell();
    }
  }

  /** The hooks of a tenant, where they are open for receiving. */
  glance(tenant: string): Hooks<Tx> | undefined {
    const open = this.#receiving.get(tenant);
    return open?.closing ? undefined : open?.hooks;
  }

  /** Gives the hooks to a worker, which calls `stopWork` in the end. */
  async work(tenant: string): Promise<Hooks<Tx>> {
    for (;;) {
      this.requireOpen();
      const known = this.#byName.get(tenant);
      if (known?.closing) {
        await known.closing;
        continue;
      }
      const open = known ?? this.#begin(tenant);
      open.workers += 1;
      return open.opened;
    }
  }

  async stopWork(tenant: string): Promise<void> {
    const open = this.#byName.get(tenant);
    if (!open) return;
    open.workers -= 1;
    if (!open.receives && open.workers === 0) await this.#close(open);
  }

  /**
   * Closes the hooks of a tenant whose file is gone, where nobody uses them. Those that have left their log stay open: they set it aside before another file, a
   * backup perhaps, is opened in the place of theirs, which would take it for its own.
   * @param leavesLog says whether there is one.
   */
  drop(tenant: string, leavesLog: () => boolean): void {
    const open = this.#receiving.get(tenant);
    if (open && open.users === 0 && !open.closing && !leavesLog()) void this.#leave(open);
  }

  /** Closes every file, with what still runs in it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#tell();
    await Promise.all([...this.#byName.values()].map((open) => this.#close(open)));
  }

  /** @throws ClosedError */
  requireOpen(): void {
    if (this.#closed) throw knockerError("closed", "these tenants are closed");
  }

  /** `isFirst` says whether that opens it. */
  async #takePlace(tenant: string, end: number): Promise<{ open: OpenTenant<Tx>; isFirst: boolean }> {
    for (;;) {
      this.requireOpen();
      const known = this.#byName.get(tenant);
      if (known?.closing) {
        await known.closing;
        continue;
      }
      if (known?.receives || this.#receiving.size < this.#most) {
        const open = known ?? this.#begin(tenant);
        open.receives = true;
        open.users += 1;
        this.#receiving.delete(tenant);
        this.#receiving.set(tenant, open);
        return { open, isFirst: open !== known };
      }
      const unused = [...this.#receiving.values()].find(({ users, closing }) => users === 0 && !closing);
      if (unused) await this.#leave(unused);
      else await this.#place(end);
    }
  }

  /** Settles when there may be a place. */
  async #place(end: number): Promise<void> {
    const leftMs = end - performance.now();
    if (leftMs <= 0) {
      const what = `all of the ${this.#most} files that may be open for receiving are in use, and none was free within ${this.#patienceMs} ms`;
      throw knockerError("too_many_open", what);
    }
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, leftMs);
      this.#waiting.add(wake);
    });
  }

  /** Settles when somebody else has opened it. */
  async #openUntil(open: OpenTenant<Tx>, end: number): Promise<Hooks<Tx>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const what = `the file of the tenant ${JSON.stringify(open.name)} was not open within ${this.#patienceMs} ms: its set-up takes long`;
      timer = setTimeout(() => reject(knockerError("busy", what)), Math.max(0, end - performance.now()));
    });
    try {
      return await Promise.race([open.opened, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Opens a file. One that cannot be opened is forgotten, and everybody who waits for it is told why. */
  #begin(tenant: string): OpenTenant<Tx> {
    // Not before it is known: the set-up may ask for files, too.
    const opened = Promise.resolve()
      .then(() => this.#open(tenant))
      .then(async (hooks) => {
        if (!this.#closed) return hooks;
        await hooks[INTERNALS].inbox.close();
        throw knockerError("closed", "these tenants are closed");
      });
    const open: OpenTenant<Tx> = { name: tenant, opened, users: 0, receives: false, workers: 0 };
    this.#byName.set(tenant, open);
    opened.then(
      (hooks) => (open.hooks = hooks),
      () => this.#forget(open),
    );
    return open;
  }

  #forget(open: OpenTenant<Tx>): void {
    this.#byName.delete(open.name);
    this.#receiving.delete(open.name);
    this.#tell();
  }

  /** Gives up the place for receiving, and closes a file that has no other. */
  async #leave(open: OpenTenant<Tx>): Promise<void> {
    if (open.workers === 0) return this.#close(open);
    open.receives = false;
    this.#receiving.delete(open.name);
    this.#tell();
  }

  #close(open: OpenTenant<Tx>): Promise<void> {
    open.closing ??= open.opened
      .then((hooks) => hooks[INTERNALS].inbox.close())
      .catch(() => {})
      .then(() => this.#forget(open));
    return open.closing;
  }
}
