defmodule Knocker.ConformanceHTTPTest do
  # The log is everybody's.
  use ExUnit.Case, async: false
  use Knocker.HTTPCases, server: Knocker.RawServer
end
