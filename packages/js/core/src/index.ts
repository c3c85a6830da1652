/** Everything that both packages export besides opening a database. */

export {
  BadStateError,
  BodyConsumedError,
  BusyError,
  CallInterruptedError,
  CannotLoadError,
  ClosedError,
  CorruptError,
  DatabaseError,
  DiskFullError,
  FileReplacedError,
  InvalidArgumentError,
  IoError,
  KnockerError,
  LeaseLostError,
  LibraryNotFoundError,
  NestedStatementError,
  NotBootstrappedError,
  NotFoundError,
  ReadOnlyError,
  SchemaIncompleteError,
  SchemaTooNewError,
  SecondSqliteError,
  SetupError,
  SqliteError,
  StaleJudgementError,
  UnknownDeliveryError,
  UnknownEndpointError,
  UnknownEventError,
  UnknownProviderError,
  UnsupportedSqliteError,
  UsageError,
} from "./errors.js";
export { Event, type Headers } from "./event.js";
export { Endpoint, type EndpointOptions } from "./endpoint.js";
export type { Connection, Driver, Row, SqlValue } from "./driver.js";
export type { Handler } from "./handlers.js";
export type { FastifyPlugin } from "./http/fastify.js";
export type { HonoHandler } from "./http/hono.js";
export type { NodeHandler } from "./http/express.js";
export { Hooks } from "./hooks.js";
export { type ClaimFilter, type FailedOptions, type Failure, type Job, Leases } from "./leases.js";
export type { ListOptions } from "./reads.js";
export { loadablePath } from "./library.js";
export type * from "./operate-types.js";
export type { HeadersInput, WebhookRequest } from "./request.js";
export type { DeliveryOutcome, IngestFields, Item, Reason, Receipt, ReceivedEvent, Verdict, WebhookResponse } from "./receipt.js";
export type {
  AttemptResult,
  AttemptRecord,
  DeliveryRecord,
  DeliverySummary,
  EndpointRecord,
  EventDeliveryRecord,
  EventRecord,
  EventStatus,
  EventSummary,
  PolicyRecord,
  PruneRecord,
} from "./rows.js";
export type { Secrets, SecretsFunction, SecretsOfRequest, SecretsRequest } from "./secrets.js";
export type { Logger } from "./log.js";
export type { OpenOptions } from "./options.js";
export type { OnDead, OnError } from "./telling.js";
export type { EndpointChanges, EndpointSettings } from "./settings.js";
export { Dead, Ignore, Retry } from "./decision.js";
export { Worker, type WorkOptions } from "./worker.js";
