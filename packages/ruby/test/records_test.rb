# frozen_string_literal: true

require "test_helper"
require "date"

# What comes back, what goes in, and what is raised.
class RecordsTest < Minitest::Test
  ROW = { "id" => 7, "endpoint" => "stripe", "outcome" => "invalid", "reason" => "bad_signature", "method" => "POST",
          "url" => "/x?token=t", "headers" => '{"a":["b","c"]}', "body_size" => 1,
          "received_at" => 1_767_225_600_123, "body" => "\xFF", "of_a_newer_library" => 1 }.freeze

  def record = Knocker::DeliveryRecord.read(ROW)

  def test_a_row_is_read_with_symbols_times_and_bytes
    assert_equal [:invalid, :bad_signature, { "a" => %w[b c] }], [record.outcome, record.reason, record.headers]
    assert_equal [Time.utc(2026, 1, 1, 0, 0, 0, 123_000), true], [record.received_at, record.received_at.utc?]
    assert_equal [Encoding::BINARY, 1], [record.body.encoding, record.body.bytesize]
    assert_nil record.event_id
  end

  def test_a_record_cannot_be_changed_and_is_compared_by_value
    assert record.frozen?
    assert_equal record, record
    assert_equal 1, [record, record].uniq.size
    refute_equal record, record.with(id: 8)
    assert_equal "stripe", record.with(id: 8).endpoint
    assert_raises(ArgumentError) { record.with(nonsense: 1) }
    record => { outcome: :invalid, id: }
    assert_equal 7, id
  end

  def test_what_strangers_sent_is_not_printed_by_the_way
    text = "#{record} #{record.inspect}"
    assert_includes text, "outcome=:invalid"
    %w[token= body= headers= url=].each { |private| refute_includes text, private }
  end

  def test_an_error_has_code_sentence_and_hint
    error = Knocker::Error.for("busy", "the file is locked")
    assert_instance_of Knocker::BusyError, error
    assert_kind_of Knocker::DatabaseError, error
    assert_equal ["busy", true, "the file is locked"], [error.code, error.retryable?, error.sentence]
    assert_equal "busy: the file is locked. #{error.hint}", error.message
    assert_equal error.message, Knocker::Error.for("busy", "the file is locked.").message
  end

  def test_a_code_of_a_newer_library_is_an_error_of_the_base_class
    error = Knocker::Error.for("too_early", "wait")
    assert_instance_of Knocker::Error, error
    assert_equal ["too_early", false, "", "too_early: wait. "], [error.code, error.retryable?, error.hint, "#{error.message}. "]
    assert_equal Knocker::ERRORS.keys, Knocker::ERRORS.values.map { |one| one::CODE }
  end

  def test_moments_are_times_and_milliseconds
    moment = Time.at(1_767_225_600, 123, :millisecond)
    assert_equal [1_767_225_600_123] * 3, [moment, moment.to_datetime, 1_767_225_600_123].map { |one| Knocker::Moment.to_ms("since", one) }
    assert_equal moment, Knocker::Moment.to_time(1_767_225_600_123)
    assert_nil Knocker::Moment.to_time(nil)
    [Date.new(2026, 1, 1), "2026-01-01", 1.5].each { |one| assert_raises(Knocker::UsageError) { Knocker::Moment.to_ms("since", one) } }
  end

  def arguments(kind, **given) = JSON.parse(Knocker::Arguments.json("given", kind, given))

  def test_arguments_are_what_the_library_takes
    assert_equal({ "status" => %w[dead failed], "since" => 1500, "until" => nil },
                 arguments(Knocker::BulkFilter, status: Set[:dead, :failed], since: Time.at(1.5), until: nil))
    assert_equal({ "backoff" => { "base_s" => 2.5 }, "unhandled" => "dead" },
arguments(Knocker::EndpointSettings, backoff: { base_s: 2.5r }, unhandled: :dead))
    duration = Struct.new(:in_seconds) { def to_f = in_seconds.to_f }.new(86_400)
    assert_equal({ "handled_s" => 86_400 }, arguments(Knocker::RetentionSettings, handled_s: duration))
  end

  def test_mistakes_in_arguments_are_named
    { "did you mean status?" => { statu: :dead }, "since: \"yesterday\" is no Time; give one" => { since: "yesterday" } }.each do |words, given|
      assert_includes assert_raises(Knocker::UsageError) { arguments(Knocker::BulkFilter, **given) }.message, words
    end
    { "not in whole seconds" => 1.5, "a number of seconds" => "60" }.each do |words, given|
      assert_includes assert_raises(Knocker::UsageError) { arguments(Knocker::RetentionSettings, handled_s: given) }.message, words
    end
    assert_raises(Knocker::UsageError) { arguments(Knocker::IngestFields, valid: true, type: "\xFF") }
    assert_raises(Knocker::UsageError) { arguments(Knocker::BackoffSettings, factor: Float::NAN) }
  end
end
