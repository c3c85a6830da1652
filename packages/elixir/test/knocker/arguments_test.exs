defmodule Knocker.ArgumentsTest do
  use ExUnit.Case, async: true

  alias Knocker.{BulkFilter, EndpointSettings, FailedOptions, IngestFields}

  test "words, times, lists and names go into JSON's forms" do
    since = ~U[2026-01-02 03:04:05.678Z]

    assert BulkFilter.to_map(status: [:failed, "dead"], since: since, until: 7, endpoint: nil, dry_run: true) ==
             %{"status" => ["failed", "dead"], "since" => 1_767_323_045_678, "until" => 7, "endpoint" => nil, "dry_run" => true}

    assert FailedOptions.to_map(%{retry_after_s: 1.5}) == %{"retry_after_s" => 1.5}
  end

  test "what is made of parts may be a keyword list, an empty one too" do
    assert EndpointSettings.to_map(backoff: [base_s: 1], options: [], unhandled: :dead) ==
             %{"backoff" => %{"base_s" => 1}, "options" => %{}, "unhandled" => "dead"}

    assert EndpointSettings.to_map(%{"options" => [], backoff: %{"factor" => 2}}) == %{"options" => %{}, "backoff" => %{"factor" => 2}}
  end

  test "a header may be there twice" do
    assert IngestFields.to_map(headers: [{"a", "1"}, {"a", "2"}]) == %{"headers" => [["a", "1"], ["a", "2"]]}
    assert IngestFields.to_map(headers: %{"a" => ["1", "2"]}) == %{"headers" => %{"a" => ["1", "2"]}}
    assert IngestFields.to_map(headers: []) == %{"headers" => []}
  end

  test "names that nobody knows go through, and what has no names does not" do
    assert BulkFilter.to_map(stauts: :dead) == %{"stauts" => "dead"}
    assert_raise Knocker.UsageError, ~r/BulkFilter is a keyword list or a map/, fn -> BulkFilter.to_map([:dead]) end
  end

  test "the names of an argument are known" do
    assert :max_attempts in EndpointSettings.keys()
    assert Enum.all?(EndpointSettings.keys(), &is_atom/1)
  end
end
