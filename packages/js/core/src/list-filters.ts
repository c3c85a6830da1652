/** What the filters of lists may hold. */

import { FLAG, type Shape, someOf, TEXT, TIME, WHOLE } from "./check.js";
import { ATTEMPT_RESULTS, DELIVERY_OUTCOMES, EVENT_STATUSES } from "./records.js";

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
  deliveries: { ...LIST, outcome: someOf(DELIVERY_OUTCOMES), endpoint: TEXT, eventId: ID },
  attempts: { ...LIST, eventId: ID, endpoint: TEXT, result: someOf(ATTEMPT_RESULTS) },
  endpoints: LIST,
  policies: LIST,
  prunes: LIST,
} as const satisfies Record<string, Shape>;

/** Of `eventDeliveries`. */
export const EVENT_DELIVERIES: Shape = { eventId: ID, deliveryId: ID };
