# frozen_string_literal: true

require "json"
require "conformance_data"
require "matching"

# The steps of the conformance scenarios, through this package's typed API.
class Scenario
  # Arguments by operation, and whether each may be left out: functions that are methods of the packages, and reads, which have views
  # and a text.
  OPERATIONS = begin
    called = ConformanceData::CONTRACT["functions"].select { |function| function.key?("method") || function["name"] == "knocker_sign" }
    operations = called.to_h do |function|
      arguments = function["arguments"].reject { |one| one["name"] == "now" }
      [function["name"].delete_prefix("knocker_"), arguments.to_h { |one| [one["name"], one["optional"]] }]
    end
    operations.merge("jobs" => { "worker" => false }, "select" => { "view" => false, "where" => true }, "metrics" => {}).freeze
  end

  attr_reader :names

  def initialize(hooks, names)
    @hooks = hooks
    @names = names
    @secrets = []
  end

  # Runs a step and compares what comes out with what it says.
  def step(step)
    result, failed = performed(step)
    wanted = step["expect_error"]
    raise Minitest::Assertion, "expected #{wanted || "no error"}, got #{failed || "no error"}: #{result}" unless failed == wanted
    return if failed

    Matching.compare(resolve(step["expect"]), result, "result") if step.key?("expect")
    step.fetch("save", {}).each { |saved, path| @names[saved] = part(result, path) }
  end

  # What the operation of a step gives, as JSON.
  def perform(step)
    op = step["op"]
    arguments = step.fetch("args", {}).transform_values { |value| resolve(value) }
    check_arguments(op, arguments)
    Matching.plain(operation(op, arguments.transform_keys(&:to_sym)))
  end

  private

  def performed(step)
    [perform(step), nil]
  rescue Knocker::UsageError => e
    # What this package refuses before the core does.
    [e.message, e.code == "usage" ? "invalid_argument" : e.code]
  rescue ArgumentError => e
    # A keyword that Ruby itself refuses.
    [e.message, "invalid_argument"]
  rescue Knocker::Error => e
    [e.message, e.code]
  end

  def check_arguments(op, given)
    known = OPERATIONS[op] || raise("the contract knows no operation #{op}")
    names = given.keys.map { |name| name == "body_base64" ? "body" : name }
    raise "#{op} takes no #{(names - known.keys).join(", ")}" unless (names - known.keys).empty?

    missing = known.reject { |name, optional| optional || name == "body" }.keys - names
    raise "#{op} needs #{missing.join(", ")}" unless missing.empty?
  end

  def part(result, path)
    path.split(".").reduce(result) { |value, name| value.is_a?(Array) ? value[Integer(name)] : value.fetch(name) }
  end

  def resolve(value)
    case value
    when String then value.start_with?("$") ? @names.fetch(value[1..]) : value
    when Array then value.map { |one| resolve(one) }
    when Hash then value.transform_values { |one| resolve(one) }
    else value
    end
  end

  def symbols(given) = (given || {}).transform_keys(&:to_sym)

  def operation(op, given)
    case op
    when "stats", "retain" then @hooks.public_send(op)
    when "replay", "requeue" then @hooks.public_send(op, given[:event_id], **symbols(given[:options]))
    when "ignore" then @hooks.ignore(given[:event_id], given[:reason], **symbols(given[:options]))
    when "replay_delivery" then @hooks.replay_delivery(given[:delivery_id], **symbols(given[:options]))
    when /_where\z|\Aprune_/ then @hooks.public_send(op, **symbols(given[:filter]))
    when "retention" then @hooks.retention(**symbols(given[:policy]))
    else send(:"do_#{op}", **given)
    end
  end

  # Creating one is for code that declares all of its settings; the data names some.
  def do_endpoint(name:, config:)
    @hooks.update_endpoint(name, **symbols(config))
  rescue Knocker::UnknownEndpointError
    @hooks.database.call("knocker_endpoint", name, JSON.generate(config))
  end

  def of(name) = @hooks.endpoints[name] || @hooks.existing_endpoint(name, secrets: ->(_) { @secrets })

  def request(given, body)
    Knocker::WebhookRequest.new(ConformanceData.raw_body(body.transform_keys(&:to_s)), **symbols(given))
  end

  def do_receive(endpoint:, request:, secrets:, **body)
    @secrets = secrets
    of(endpoint).receive(request(request, body))
  end

  def do_ingest(endpoint:, fields:, **body)
    of(endpoint).ingest(ConformanceData.raw_body(body.transform_keys(&:to_s)), **{ valid: false }.merge(symbols(fields)))
  end

  def do_verify(provider:, options:, request:, secrets:, **body)
    sent = request(request, body)
    arguments = [provider, JSON.generate(options), sent.to_json, sent.body, JSON.generate(secrets)]
    Knocker::Verdict.read(JSON.parse(@hooks.database.call("knocker_verify", *arguments)))
  end

  def do_sign(provider:, options:, request:, secret:, **body)
    unsigned = request(request, body)
    signed = Knocker::Testing.sign(provider, unsigned.body, secret, options: options, now: @hooks.database.now, headers: unsigned.headers,
                                                                    method: unsigned.method, url: unsigned.url)
    # In SQL null stands for what was not replaced.
    { headers: signed.headers.to_h, url: signed.url == unsigned.url ? nil : signed.url, body: signed.body == unsigned.body ? nil : signed.body }
  end

  def do_claim(worker:, limit:, lease_s:, filter: nil) = @hooks.leases(worker).claim(limit, lease_s, **symbols(filter))
  def do_handled(job_id:, worker:, duration_ms:) = @hooks.leases(worker).handled(job_id, duration_ms)

  def do_failed(job_id:, worker:, error:, duration_ms:, options: nil)
    @hooks.leases(worker).failed(job_id, error, duration_ms, **symbols(options))
  end

  def do_skipped(job_id:, worker:, reason:, duration_ms:) = @hooks.leases(worker).skipped(job_id, reason, duration_ms)
  def do_extend(job_id:, worker:, lease_s:) = @hooks.leases(worker).extend(job_id, lease_s)
  def do_release(worker:) = @hooks.leases(worker).release

  def do_next_due(filter: nil)
    given = symbols(filter)
    @hooks.leases(given.delete(:worker) || "nobody").next_due_ms(**given)
  end

  def do_jobs(worker:) = @hooks.leases(worker).jobs.map { |job| job_row(job) }

  def job_row(job)
    event = job.event
    delivery = event.delivery
    headers = delivery.headers.names.to_h { |name| [name, delivery.headers.get_all(name)] }
    headers.transform_values! { |values| values.size == 1 ? values.first : values }
    event.to_h.except(:id, :delivery).merge(job_id: job.id, worker: job.worker, event_id: event.id, delivery_id: delivery.id,
                                            lease_expires_at: job.lease_expires_at, method: delivery.method, url: delivery.url, headers: headers)
  end

  def do_select(view:, where: nil)
    rows = Matching.plain(records(view))
    rows.select { |row| (where || {}).all? { |column, value| row.fetch(column) == value } }
  end

  # Each sample as it is written, with its number.
  def do_metrics
    samples = @hooks.metrics.lines(chomp: true).reject { |line| line.start_with?("#") }.map { |line| line.rpartition(" ") }
    samples.to_h { |sample, _, number| [sample, Float(number)] }
  end

  # The view has a number for what is a truth in Ruby.
  def links
    found = @hooks.events.flat_map { |event| @hooks.event_deliveries(event_id: event.id) }
    found.map { |link| link.to_h.merge(duplicate: link.duplicate ? 1 : 0) }
  end

  def records(view)
    case view
    when "events" then @hooks.events(with_body: true)
    when "deliveries" then @hooks.deliveries(with_body: true)
    when "endpoints" then @hooks.stored_endpoints
    when "attempts", "prunes", "policies" then @hooks.public_send(view)
    when "event_deliveries" then links
    else raise "the runner knows no view #{view}"
    end
  end
end
