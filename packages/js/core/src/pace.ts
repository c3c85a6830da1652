/** How quick the handlers of each type have lately been in this process: what tells a worker which of them may share a commit. */

/** What is known of so many types; of others it is learned again. */
const MOST_TYPES = 1000;

/** A quick run after a slow one counts for so much. */
const FORGETTING = 0.2;

/** How soon a handler begins its transaction that has little to do elsewhere before, in milliseconds. */
const SOON_MS = 2;

/** One that has used `tx` in one of so many runs does so sometimes. */
const SOMETIMES = 8;

/** One run of an event's handlers. */
export interface Run {
  tookMs: number;
  /** When they first used `tx`; undefined where they did not. */
  begunAfterMs: number | undefined;
  threw: boolean;
  /** Whether something of it needs a transaction of its own: a handler that returns a promise, or one that sets something on the connection. */
  apart: boolean;
}

/** What is to be expected of the next run of a type. */
export interface Pace {
  expectedMs: number;
  /** Whether the handlers write through `tx`, and soon: of others nobody knows what they do elsewhere. */
  usesTx: boolean;
  apart: boolean;
}

interface Known extends Pace {
  /** How many runs have returned since one used `tx` and had done little before. */
  unused: number;
}

/** What identifies a type of an endpoint. */
interface Typed {
  endpoint: string;
  type: string | null;
}

/** The paces of the types of all endpoints. */
export class Paces {
  readonly #known = new Map<string, Known>();
  readonly #clock: () => number;

  /** @param clock tells how long a handler takes. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** A time to measure from. */
  nowMs(): number {
    return this.#clock();
  }

  /** That of the event's type, undefined where none has run yet. */
  of(event: Typed): Pace | undefined {
    return this.#known.get(keyOf(event));
  }

  /** The handlers of the event's type leave something on the connection. */
  setApart(event: Typed): void {
    const known = this.#known.get(keyOf(event));
    if (known) this.#known.set(keyOf(event), { ...known, apart: true });
  }

  /** One more of the event's type has run: slowness is noticed at once, and forgotten slowly. */
  note(event: Typed, { tookMs, begunAfterMs, threw, apart }: Run): void {
    const key = keyOf(event);
    const before = this.#known.get(key) ?? { expectedMs: 0, unused: SOMETIMES };
    let unused = begunAfterMs !== undefined && begunAfterMs < SOON_MS ? 0 : SOMETIMES;
    if (begunAfterMs === undefined) unused = before.unused + (threw ? 0 : 1);
    const expectedMs = Math.max(tookMs, (1 - FORGETTING) * before.expectedMs + FORGETTING * tookMs);
    this.#known.delete(key);
    this.#known.set(key, { expectedMs, unused, usesTx: unused < SOMETIMES, apart });
    if (this.#known.size > MOST_TYPES) this.#known.delete(this.#known.keys().next().value!);
  }
}

function keyOf({ endpoint, type }: Typed): string {
  return type === null ? endpoint : `${endpoint} ${type}`;
}
