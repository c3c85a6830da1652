/** Everything that both packages export besides opening a database. */

export * from "./error-classes.js";
export { KnockerError } from "./knocker-error.js";
export { Event, type Headers } from "./event.js";
export { Endpoint, type EndpointOptions } from "./endpoint.js";
export type { Connection, Driver, Row, SqlValue } from "./driver.js";
export type { Handler } from "./handlers.js";
export type { FastifyPlugin } from "./http/fastify.js";
export type { HonoHandler } from "./http/hono.js";
export type { NodeHandler } from "./http/express.js";
export { Hooks } from "./hooks.js";
export type * from "./filters.js";
export { type Job, Leases } from "./leases.js";
export type { ListOptions } from "./reads.js";
export { loadablePath } from "./library.js";
export type * from "./records.js";
export type * from "./settings.js";
export type { HeadersInput, WebhookRequest } from "./request.js";
export type { Secrets, SecretsFunction, SecretsOfRequest, SecretsRequest } from "./secrets.js";
export type { Logger } from "./log.js";
export type { OpenOptions } from "./options.js";
export { type SetUp, Tenants, type TenantsOptions } from "./tenants.js";
export { TenantsWorker } from "./tenants-worker.js";
export type { FindTenant } from "./http/tenants.js";
export type { OnDead, OnError } from "./telling.js";
export { Dead, Ignore, Retry } from "./decision.js";
export { Worker, type WorkOptions } from "./worker.js";
