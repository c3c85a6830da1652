/** An endpoint: where one provider's requests arrive, and what is done with them. */

import { toSql } from "./members.js";
import { ANYTHING, check, checkObject, jsonOf, type Shape, TEXT } from "./check.js";
import type { Row, SqlValue } from "./driver.js";
import { knockerError } from "./errors.js";
import { type Handler, Handlers } from "./handlers.js";
import { handleExpress, type NodeHandler } from "./http/express.js";
import { handleFastify, type FastifyPlugin } from "./http/fastify.js";
import { handleFetch } from "./http/fetch.js";
import { handleHono, type HonoHandler } from "./http/hono.js";
import { PUBLIC_URL } from "./http/url.js";
import { bodyForSql, checkRequest, headersForSql, keptHeaders, type WebhookRequest, requestForSql } from "./request.js";
import { INGEST_FIELDS, type IngestFields } from "./filters.js";
import { type Receipt, readReceipt, readVerdict, type Verdict } from "./records.js";
import { resultOf } from "./values.js";
import { checkSendable, SENDABLE } from "./sendable.js";
import { isEmpty, type Secrets, type SecretsFunction, secretsJson, type SecretsOfRequest, secretsRequest } from "./secrets.js";
import type { Inbox } from "./inbox.js";
import { waysOf } from "./judging.js";
import { declarationOf } from "./configuration.js";
import { ENDPOINT_SETTINGS, type EndpointSettings } from "./settings.js";
import { Receiving } from "./tracing.js";

/** Settings, and what is never stored. */
export interface EndpointOptions extends EndpointSettings {
  /** Left out: none. Given, one of them must be usable, or an unset environment variable would refuse every request. */
  secrets?: Secrets;
  /** Where senders reach this endpoint's server, instead of the one given to `open`. */
  publicUrl?: string;
}

const OPTIONS: Shape = { ...ENDPOINT_SETTINGS, secrets: ANYTHING, publicUrl: PUBLIC_URL };

const RECEIVE = waysOf("knocker_judge", "knocker_receive", 4);
const INGEST = waysOf("knocker_attest", "knocker_ingest", 3);

/** The limit of an endpoint that is not there yet. */
const DEFAULT_MAX_BODY_BYTES = 1_048_576;
/** How long the limit is kept before the file is asked again, in milliseconds. */
const LIMIT_KEPT_MS = 1000;

/** An endpoint. `Tx` is the driver's database class. */
export class Endpoint<Tx extends object> {
  readonly name: string;
  readonly handlers = new Handlers<Tx>();
  #inbox: Inbox<Tx>;
  /** As it was declared last; undefined where it was taken as it is. */
  #declaration: string | undefined;
  #secrets: { find?: SecretsFunction; list: string } = { list: "[]" };
  #publicUrl: string | undefined;
  /** What the provider can send, where that is known. */
  #sendable: Row | undefined;
  #limit = DEFAULT_MAX_BODY_BYTES;
  #limitUntil = 0;

  constructor(inbox: Inbox<Tx>, name: string) {
    check("endpoint(name, options)", "name", name, TEXT);
    this.#inbox = inbox;
    this.name = name;
  }

  get #where(): string {
    return `endpoint ${JSON.stringify(this.name)}`;
  }

  /** Creates or updates the endpoint in the file, and takes over the secrets. */
  configure(options: EndpointOptions): void {
    checkObject(this.#where, options, OPTIONS);
    const { secrets, publicUrl, ...settings } = options;
    const list = typeof secrets === "function" ? "[]" : secretsJson(this.#where, secrets);
    if (typeof secrets !== "function" && list === "[]") this.#requireSecret(settings.provider, "secrets" in options && !isEmpty(secrets));
    const declaration = declarationOf(this.#where, settings);
    this.#inbox.declare(this.name, declaration);
    this.#declaration = declaration;
    this.#secrets = typeof secrets === "function" ? { find: secrets, list } : { list };
    this.#publicUrl = publicUrl;
    this.#limitUntil = 0;
    this.#readSendable();
    for (const pattern of this.handlers.patterns) checkSendable(this.#inbox.log, this.name, this.#sendable, pattern);
  }

  #readSendable(): void {
    this.#sendable = this.#inbox.all(SENDABLE, this.name)[0];
  }

  /** Takes it as it is in the file. @throws UnknownEndpointError where the file has none of this name. */
  takeAsStored(): void {
    this.#inbox.refreshInPlace();
    this.requireStored();
    this.#readSendable();
  }

  /** Whether its settings stand in the code, and not in the file alone. */
  get isDeclared(): boolean {
    return this.#declaration !== undefined;
  }

  /** Goes on on another file, where it is declared as it was here. */
  moveTo(inbox: Inbox<Tx>): void {
    if (this.#declaration !== undefined) inbox.declare(this.name, this.#declaration);
    this.#inbox = inbox;
    this.#limitUntil = 0;
  }

  /**
   * Without a secret nothing could ever be verified, which nobody would see before the first request.
   * @param isMeant whether some were given, all of them unset or empty.
   */
  #requireSecret(provider: string | null | undefined, isMeant: boolean): void {
    const sql = "SELECT needs_secret FROM knocker_providers WHERE ? IN (SELECT name UNION ALL SELECT value FROM json_each(aliases))";
    const needed = typeof provider === "string" && this.#inbox.all(sql, provider)[0]?.["needs_secret"] === 1;
    if (!needed && !isMeant) return;
    const name = `${this.name
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, "_")
      .replace(/^_|_$/g, "")}_WEBHOOK_SECRET`;
    const what = isMeant ? "secrets holds none, only empty or undefined ones" : `${provider} needs a secret, and there is none`;
    throw knockerError(
      "usage",
      `${this.#where}: ${what}; write secrets: [process.env.${name}], and set that environment variable. A process that only runs handlers takes endpoint(${JSON.stringify(this.name)}) as it is`,
    );
  }

  /** @throws UnknownEndpointError where the file has no endpoint of this name. */
  requireStored(): Row {
    const row = this.#inbox.all("SELECT provider, options, max_body_bytes FROM knocker_endpoints WHERE name = ?", this.name)[0];
    if (!row) throw knockerError("unknown_endpoint", `no endpoint is named ${JSON.stringify(this.name)}: create it with options`);
    return row;
  }

  /** Where senders reach this endpoint's server, if it was said. */
  get publicUrl(): string | undefined {
    return this.#publicUrl ?? this.#inbox.options.publicUrl;
  }

  /** Whether forwarding headers are believed. */
  get trustProxy(): boolean {
    return this.#inbox.options.trustProxy ?? false;
  }

  /** Calls `handler` for events of this type: exact, `prefix.*`, or `*` for all. Several run in order in one transaction. One that the provider is known never to send is a warning in the log. */
  on(type: string, handler: Handler<Tx>): this {
    this.handlers.add(type, handler);
    checkSendable(this.#inbox.log, this.name, this.#sendable, type);
    return this;
  }

  /**
   * Verifies, stores, dedupes and enqueues one request, together with the others of this moment. Settles after the commit.
   * @throws UnknownEndpointError, InvalidArgumentError, and DatabaseError where nothing was stored.
   */
  receive(request: WebhookRequest): Promise<Receipt> {
    // Not an async function: its caller waits for the writer's own promise.
    try {
      const { find, list } = this.#secrets;
      checkRequest("receive", request);
      const sent = { ...request, headers: keptHeaders(request.headers) };
      const span = new Receiving(this.name, sent.headers);
      return span.during(() => (find ? this.#findAndReceive(find, sent, span) : this.#receive(sent, list, span)));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async #findAndReceive(find: SecretsFunction, sent: WebhookRequest, span: Receiving): Promise<Receipt> {
    return this.#receive(sent, this.#found(await find(secretsRequest(sent))), span);
  }

  #receive(sent: WebhookRequest, secrets: string, span: Receiving): Promise<Receipt> {
    const started = performance.now();
    const given = this.#receiveArguments(sent, secrets, span);
    return this.#inbox.judge(RECEIVE, given, (result) => this.#received(result, started, span, sent));
  }

  /** As `receive`, at once and in a commit of its own: for scripts. */
  receiveSync(request: WebhookRequest): Receipt {
    const { find, list } = this.#secrets;
    checkRequest("receiveSync", request);
    if (this.#inbox.replica)
      throw knockerError("usage", "receiveSync cannot wait for the replica of open(path, { replicated }): use receive");
    const sent = { ...request, headers: keptHeaders(request.headers) };
    const span = new Receiving(this.name, sent.headers);
    return span.duringSync(() => {
      const found = find?.(secretsRequest(sent));
      if (found instanceof Promise) {
        throw knockerError("usage", "receiveSync cannot wait for a `secrets` function that returns a promise: use receive");
      }
      const given = this.#receiveArguments(sent, find ? this.#found(found as SecretsOfRequest) : list, span);
      const started = performance.now();
      return this.#received(this.#inbox.callSync("knocker_receive", ...given), started, span, sent);
    });
  }

  /**
   * The verdict on a request with this endpoint's provider, options and secrets. Nothing is stored.
   * @throws UnknownEndpointError, UsageError where the endpoint has no provider.
   */
  async verify(request: WebhookRequest): Promise<Verdict> {
    const { find, list } = this.#secrets;
    checkRequest("verify", request);
    const secrets = find ? this.#found(await find(secretsRequest(request))) : list;
    const { provider, options } = this.requireStored();
    if (provider === null) throw knockerError("usage", `endpoint ${JSON.stringify(this.name)} has no provider that could verify`);
    const sql = "SELECT knocker_verify(?, ?, ?, ?, ?, ?) AS verdict";
    const row = this.#inbox.all(
      sql,
      provider!,
      options!,
      requestForSql(request),
      bodyForSql("verify", request.body),
      secrets,
      this.#inbox.now(),
    )[0]!;
    return readVerdict(resultOf(row["verdict"]));
  }

  /** Trusted ingress: the caller has verified the request and says what it is. */
  async ingest(fields: IngestFields, body: WebhookRequest["body"]): Promise<Receipt> {
    checkObject("ingest", fields, INGEST_FIELDS);
    const given = toSql("ingest", fields);
    const headers = keptHeaders(fields.headers ?? {});
    const span = new Receiving(this.name, headers);
    if (fields.headers || span.added.length > 0) given["headers"] = headersForSql(headers, span.added);
    const started = performance.now();
    return span.during(() =>
      this.#inbox.judge(INGEST, [this.name, jsonOf("ingest", given), bodyForSql("ingest", body)], (result) =>
        this.#received(result, started, span),
      ),
    );
  }

  /** Tells of an error that the sender only sees as a status. */
  report(error: unknown, status: number): void {
    this.#inbox.telling.unstored(error, this.name, status);
  }

  /** The largest body to read, in bytes. What another process changed is seen within a second; the core has the last word in any case. */
  maxBodyBytes(): number {
    const now = performance.now();
    if (now >= this.#limitUntil) {
      this.#inbox.noticeRival();
      const row = this.#inbox.all("SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?", this.name)[0];
      this.#limit = (row?.["max_body_bytes"] as number | undefined) ?? DEFAULT_MAX_BODY_BYTES;
      this.#limitUntil = now + LIMIT_KEPT_MS;
    }
    return this.#limit;
  }

  /** Express 4 and 5, Connect, Node's http: `app.post(path, endpoint.express())`. */
  express(): NodeHandler {
    return handleExpress(this);
  }

  /** `Bun.serve`, Next.js and everything else that speaks fetch. A property, so that it can be passed on as it is. */
  readonly fetch = (request: Request): Promise<Response> => handleFetch(this, request);

  /** Hono: `app.post(path, endpoint.hono())`. */
  hono(): HonoHandler {
    return handleHono(this);
  }

  /** Fastify: `fastify.register(endpoint.fastify(path))`. The path defaults to `/webhooks/<endpoint>`. */
  fastify(path = `/webhooks/${this.name}`): FastifyPlugin {
    return handleFastify(this, path);
  }

  /** A receipt, which the log is told of where it is a refusal. */
  #received(result: SqlValue, started: number, span: Receiving, request?: WebhookRequest): Receipt {
    const receipt = readReceipt(resultOf(result));
    this.#inbox.receiveDurations.add(this.name, started);
    span.stored(receipt);
    this.#inbox.refusals.tell(this.name, receipt, span, request, () => this.maxBodyBytes());
    return receipt;
  }

  /** What the application's function found. */
  #found(secrets: SecretsOfRequest): string {
    return secretsJson(`${this.#where}: what the secrets function returns`, secrets);
  }

  #receiveArguments(request: WebhookRequest, secrets: string, span: Receiving) {
    return [this.name, requestForSql(request, span.added), bodyForSql("receive", request.body), secrets] as const;
  }
}
