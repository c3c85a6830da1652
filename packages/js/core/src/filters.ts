/** What the filters and policies of operators may hold. */

import { FLAG, orNull, type Shape, SIZE, someOf, TEXT, TIME, WHOLE } from "./check.js";
import { OUTCOMES } from "./receipt.js";
import { ATTEMPT_RESULTS, EVENT_STATUSES } from "./rows.js";

const LIST: Shape = {
  newestFirst: FLAG,
  after: WHOLE,
  limit: { what: "a whole number, 0 or more", allows: (value) => value === Infinity || WHOLE.allows(value) },
  since: TIME,
  until: TIME,
};

const ID = { what: "a whole number", allows: (value: unknown) => Number.isSafeInteger(value) };

/** Of the lists. */
export const LIST_FILTERS = {
  events: { ...LIST, status: someOf(EVENT_STATUSES), endpoint: TEXT, type: TEXT, key: TEXT },
  deliveries: { ...LIST, outcome: someOf(OUTCOMES), endpoint: TEXT, eventId: ID },
  attempts: { ...LIST, eventId: ID, endpoint: TEXT, result: someOf(ATTEMPT_RESULTS) },
  endpoints: LIST,
  policies: LIST,
  prunes: LIST,
} as const satisfies Record<string, Shape>;

/** Of `eventDeliveries`. */
export const EVENT_DELIVERIES: Shape = { eventId: ID, deliveryId: ID };

/** Of the actions on one event. */
export const ACTION_OPTIONS: Shape = { force: FLAG };

/** Of the bulk actions. */
export const BULK: Shape = {
  status: someOf(EVENT_STATUSES),
  endpoint: TEXT,
  type: TEXT,
  since: TIME,
  until: TIME,
  limit: WHOLE,
  force: FLAG,
  dryRun: FLAG,
};

const PRUNE: Shape = { olderThanS: SIZE, before: TIME, endpoint: TEXT, limit: WHOLE, dryRun: FLAG };

/** Of `pruneEvents`. */
export const PRUNE_EVENTS: Shape = { ...PRUNE, status: someOf(["handled", "ignored", "dead"]), type: TEXT, audits: FLAG };

/** Of `pruneDeliveries`. */
export const PRUNE_DELIVERIES: Shape = { ...PRUNE, outcome: someOf(OUTCOMES) };

const AGE = orNull(SIZE);

/** Of `retention`. */
export const RETENTION: Shape = {
  endpoint: orNull(TEXT),
  handledS: AGE,
  ignoredS: AGE,
  deadS: AGE,
  deliveriesS: AGE,
  auditsS: AGE,
  intervalS: AGE,
  limit: orNull(WHOLE),
};
