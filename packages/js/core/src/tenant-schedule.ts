/** When the files of tenants are looked at and worked on. Knows nothing of files: `TenantsWorker` does what it says. */

/** How often every file is looked at whatever is known of it, and its retention run, in milliseconds. */
const TOUR_MS = 10 * 60_000;

/** Pauses between the looks at a file that was written, until its commit is there to be seen, in milliseconds. */
const SOON_MS = [2, 5, 10, 20, 50, 100, 500];

/** For so long a commit may be on its way. */
const LONGEST_SOON_MS = SOON_MS.reduce((sum, pause) => sum + pause, 0);

/** Before a file is tried again that could not be opened, growing from the one to the other, in milliseconds. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** The tours of files are spread over the time that one takes. */
const TOUR_PARTS = 64;

type Phase = "resting" | "to look at" | "being looked at" | "wants a place" | "being worked on";

/** What is known of one file. */
export class ScheduledTenant {
  readonly name: string;
  readonly path: string;
  phase: Phase = "resting";
  /** When it is looked at next while it rests. */
  at = Infinity;
  tourAt: number;
  /** How many looks there were since it was written, and when that was last told. */
  step = SOON_MS.length;
  changedAt = -Infinity;
  /** Those with handlers, once it was open. */
  endpoints: readonly string[] | undefined;
  failures = 0;

  constructor(name: string, path: string, tourAt: number) {
    this.name = name;
    this.path = path;
    this.tourAt = tourAt;
  }

  /** Whether a commit of which was told may not be seen yet. */
  get isAwaited(): boolean {
    return this.step < SOON_MS.length;
  }
}

/** The schedule of all. Times are those of `performance.now()`. */
export class TenantSchedule {
  readonly #path: (name: string) => string;
  readonly #tourMs: number;
  readonly #known = new Map<string, ScheduledTenant>();
  /** Those that were written go first. */
  readonly #urgent = new Set<ScheduledTenant>();
  readonly #ordinary = new Set<ScheduledTenant>();
  /** Those that have something due, the one that has waited longest first. */
  readonly #ready = new Set<ScheduledTenant>();
  #earliest = Infinity;

  constructor(path: (name: string) => string, tourMs = TOUR_MS) {
    this.#path = path;
    this.#tourMs = tourMs;
  }

  /** When the next one is to be looked at by itself. */
  get earliest(): number {
    return this.#earliest;
  }

  /** How many have something due and no place. */
  get waiting(): number {
    return this.#ready.size;
  }

  /** The file has appeared, or was written. */
  changed(name: string, now: number): void {
    const tenant = this.#known.get(name);
    if (!tenant) {
      const tourAt = now + (this.#tourMs * (1 + (this.#known.size % TOUR_PARTS))) / TOUR_PARTS;
      const found = new ScheduledTenant(name, this.#path(name), tourAt);
      this.#known.set(name, found);
      this.#want(found, this.#ordinary);
      return;
    }
    tenant.changedAt = now;
    // One that cannot be opened is tried again when its pause is over.
    if (tenant.failures > 0 || (tenant.phase !== "resting" && tenant.phase !== "to look at")) return;
    tenant.step = 0;
    this.#ordinary.delete(tenant);
    this.#want(tenant, this.#urgent);
  }

  /** The one that is to be looked at now, and whether its tour has come. */
  nextLook(now: number): { tenant: ScheduledTenant; isTour: boolean } | undefined {
    this.#wake(now);
    for (const line of [this.#urgent, this.#ordinary]) {
      for (const tenant of line) {
        line.delete(tenant);
        tenant.phase = "being looked at";
        const isTour = tenant.tourAt <= now;
        if (isTour) tenant.tourAt = now + this.#tourMs;
        return { tenant, isTour };
      }
    }
    return undefined;
  }

  /** The one that gets the next place. */
  nextTurn(): ScheduledTenant | undefined {
    for (const tenant of this.#ready) {
      this.#ready.delete(tenant);
      tenant.phase = "being worked on";
      return tenant;
    }
    return undefined;
  }

  /**
   * Takes in what a look has found.
   * @param due milliseconds until something is due; null where nothing waits.
   * @param began when it began: what was told since then asks for another one.
   */
  looked(tenant: ScheduledTenant, due: number | null, began: number, now: number): void {
    if (due === 0) {
      tenant.phase = "wants a place";
      this.#ready.add(tenant);
      return;
    }
    // One that could be looked at may still fail to open.
    tenant.failures = 0;
    if (tenant.changedAt > began) tenant.step = 0;
    const at = Math.min(tenant.tourAt, now + (due ?? Infinity));
    this.#rest(tenant, tenant.isAwaited ? Math.min(at, now + SOON_MS[tenant.step++]!) : at);
  }

  /** Takes in how a turn has ended. */
  worked(tenant: ScheduledTenant, endpoints: readonly string[], due: number | null, now: number): void {
    tenant.endpoints = endpoints;
    tenant.failures = 0;
    // What was written a moment ago may be another process's commit that is not to be seen yet.
    tenant.step = now - tenant.changedAt < LONGEST_SOON_MS ? 0 : SOON_MS.length;
    this.looked(tenant, due, now, now);
  }

  /** The file could not be opened: says for how many milliseconds it is left alone. */
  failed(tenant: ScheduledTenant, now: number): number {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tenant.failures, 16));
    tenant.failures += 1;
    this.#rest(tenant, now + pauseMs);
    return pauseMs;
  }

  /** Others are using the file: it is looked at again soon. */
  busy(tenant: ScheduledTenant, now: number): void {
    this.#rest(tenant, now + SOON_MS.at(-2)!);
  }

  /** The file is gone. */
  forget(tenant: ScheduledTenant): void {
    this.#known.delete(tenant.name);
  }

  #want(tenant: ScheduledTenant, line: Set<ScheduledTenant>): void {
    tenant.phase = "to look at";
    tenant.at = Infinity;
    line.add(tenant);
  }

  #rest(tenant: ScheduledTenant, at: number): void {
    tenant.phase = "resting";
    tenant.at = at;
    this.#earliest = Math.min(this.#earliest, at);
  }

  /** Those whose time has come want to be looked at. */
  #wake(now: number): void {
    if (now < this.#earliest) return;
    this.#earliest = Infinity;
    for (const tenant of this.#known.values()) {
      if (tenant.phase !== "resting") continue;
      if (tenant.at <= now) this.#want(tenant, tenant.isAwaited ? this.#urgent : this.#ordinary);
      else this.#earliest = Math.min(this.#earliest, tenant.at);
    }
  }
}
