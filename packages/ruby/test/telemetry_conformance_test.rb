# frozen_string_literal: true

require "test_helper"
require "conformance_data"
require "matching"
require "telemetry_story"
begin
  require "opentelemetry/sdk"
rescue LoadError
  warn "NOT TESTED HERE: spans, because this Ruby has no gem opentelemetry-sdk"
end

# The trace that a handler gets, log records and spans: each case without OpenTelemetry, and with its SDK where there is one.
class TelemetryConformanceTest < KnockerTest
  BODY = TelemetryStory::BODY
  LEVELS = TelemetryStory::LEVELS
  SDK = defined?(OpenTelemetry::SDK)

  def test_every_case_of_the_data
    ran = 0
    ConformanceData.each_case("telemetry", "cases") do |file, content, one|
      content.key?("records") ? play(one, content) : play_trace(one)
      ran += 1
    rescue StandardError, Minitest::Assertion => e
      flunk "#{file}: #{one["name"]}: #{e.class}: #{e.message}\n#{e.backtrace.first(6).join("\n")}"
    end
    ConformanceData.write_count("telemetry", ran)
    puts "telemetry: #{ran} cases#{", with OpenTelemetry and without" if SDK}"
  end

  def test_what_handlers_and_functions_of_secrets_do_is_a_child
    skip "no gem opentelemetry-sdk" unless SDK
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    traced do |exporter, tracer|
      hooks = open_hooks
      look = ->(name) { tracer.start_span(name).finish }
      inbox = hooks.endpoint("inbox", provider: "token", secrets: lambda { |_|
        look.call("look up")
        "test-token"
      })
      inbox.on("*") { look.call("work") }
      headers = { "X-Webhook-Token" => "test-token", "traceparent" => sent, "tracestate" => "congo=t61rcWkgMzE", "Knocker-Traceparent" => other }
      receipt = inbox.receive(Knocker::WebhookRequest.new(BODY, headers: headers))
      drain(hooks)
      look_up, received, work, processed = exporter.finished_spans
      assert_equal(["look up", "receive inbox", "work", "process inbox"], [look_up, received, work, processed].map(&:name))
      assert_equal([received.span_id, processed.span_id], [look_up.parent_span_id, work.parent_span_id])
      assert_equal("congo=t61rcWkgMzE", processed.tracestate.to_s)
      stored = hooks.delivery(receipt.delivery_id).headers
      assert_equal(sent, stored["traceparent"])
      assert_equal([other, "00-#{received.hex_trace_id}-#{received.hex_span_id}-01"], stored["knocker-traceparent"])
    end
  end

  def test_a_receipt_that_is_not_stored_is_a_failed_span
    skip "no gem opentelemetry-sdk" unless SDK
    traced do |exporter, _|
      hooks = open_hooks
      inbox = hooks.endpoint("inbox")
      hooks.close
      assert_raises(Knocker::ClosedError) { inbox.ingest(BODY, valid: true) }
      span = exporter.finished_spans.first
      assert_equal(["closed", OpenTelemetry::Trace::Status::ERROR, nil], [span.attributes["error.type"], span.status.code, span.events])
    end
  end

  # The provider that there is at first goes over to the first one that is set.
  def setup
    super
    OpenTelemetry.tracer_provider = OpenTelemetry::Trace::TracerProvider.new if SDK
  end

  private

  def play_trace(one)
    ConformanceData.known!(one, "name", "headers", "traceparent", "tracestate")
    in_folder do |path|
      hooks = Knocker.open(path, clock: @clock, logger: false)
      inbox = hooks.endpoint("inbox")
      seen = []
      inbox.on("*") { |event, _| seen << [event.traceparent, event.tracestate] }
      inbox.ingest(BODY, valid: true, headers: one["headers"])
      drain(hooks)
      assert_equal([[one["traceparent"], one["tracestate"]]], seen)
    ensure
      hooks&.close
    end
  end

  def play(one, table)
    ConformanceData.known!(one, "name", "endpoint", "secrets", "handler", "hooks_fail", "active_span", "steps", "records", "spans")
    check_records(one["records"], story(one), table)
    return unless SDK

    traced do |exporter, tracer|
      active = tracer.start_span("active") if one["active_span"]
      records = active ? OpenTelemetry::Trace.with_span(active) { story(one) } : story(one)
      check_records(one["records"], records, table)
      check_spans(one["spans"], exporter.finished_spans, active) if one["spans"]
    end
  end

  # @return [Array] the lines of the log
  def story(one)
    in_folder { |path| TelemetryStory.new(self, one, path, @clock).play }
  end

  def check_records(expected, lines, table)
    found = lines.map do |level, line|
      flunk("no record: #{line}") unless line.respond_to?(:fields)
      known = table["records"].find { |one| one["record"] == line.fields[:record] } || flunk("no record: #{line}")
      assert_equal(known["level"], LEVELS.fetch(level), line)
      assert_includes(known.fetch("only_in", { "ruby" => "" }), "ruby", line)
      fields = line.fields.except(:record).transform_keys(&:to_s)
      assert_empty(fields.keys - known["fields"] - table["everywhere"].keys, line)
      refute_match(/never-to-be-logged/, "#{line} #{fields}")
      known["fields"].to_h { |field| [field, fields[field]] }.merge("record" => known["record"])
    end
    Matching.compare(expected, found, "records")
  end

  def check_spans(expected, finished, active)
    spans = finished.reject { |span| span.name == "active" }
    found = spans.map do |span|
      parent = span.parent_span_id == OpenTelemetry::Trace::INVALID_SPAN_ID ? nil : span.parent_span_id.unpack1("H*")
      refute_match(/never-to-be-logged|broken/, "#{span.attributes} #{span.events} #{span.status.description}")
      { "name" => span.name, "kind" => span.kind.to_s, "trace_id" => span.hex_trace_id, "parent" => parent,
        "failed" => span.status.code == OpenTelemetry::Trace::Status::ERROR, "attributes" => span.attributes }
    end
    wanted = expected.map do |span|
      ConformanceData.known!(span, "name", "kind", "parent", "trace_id", "failed", "attributes")
      case span["parent"]
      when Integer then span.merge("parent" => spans[span["parent"]].hex_span_id)
      when "active" then span.merge("parent" => active.context.hex_span_id)
      else span
      end
    end
    Matching.compare(wanted, found, "spans")
  end

  # While an SDK of OpenTelemetry is set up that keeps the spans.
  def traced
    before = OpenTelemetry.tracer_provider
    exporter = OpenTelemetry::SDK::Trace::Export::InMemorySpanExporter.new
    provider = OpenTelemetry::SDK::Trace::TracerProvider.new
    provider.add_span_processor(OpenTelemetry::SDK::Trace::Export::SimpleSpanProcessor.new(exporter))
    OpenTelemetry.tracer_provider = provider
    yield exporter, provider.tracer("app")
  ensure
    OpenTelemetry.tracer_provider = before
  end

  def in_folder
    Dir.mktmpdir("knocker-telemetry-") { |folder| yield File.join(folder, "app.db") }
  end
end
