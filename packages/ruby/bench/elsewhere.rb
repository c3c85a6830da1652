# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"

# Measures in a process of its own, because the delay of a sync is preloaded into it.
module Elsewhere
  SLOW_DISK = File.expand_path("../../../extension/bench/slow-disk/run", __dir__)
  # How many milliseconds a sync takes at least, where that can be had.
  DELAYS_MS = RbConfig::CONFIG["host_os"].include?("linux") ? [0, 2, 5].freeze : [0].freeze
  LIBRARY = File.expand_path("../lib", __dir__)

  module_function

  def disk(delay_ms) = delay_ms.zero? ? "the bare disk" : "syncs of #{delay_ms} ms"

  # What a command is preceded by, so that each sync takes so long.
  def slowed(delay_ms) = delay_ms.zero? ? [] : [SLOW_DISK, (delay_ms * 1000).to_s]

  # @return [Float] what a script prints that gets a way, a folder of its own and more
  def measure(folder, delay_ms, script, way, *arguments)
    Dir.mktmpdir(nil, folder) do |own|
      rate, errors, status = Open3.capture3(*slowed(delay_ms), RbConfig.ruby, "-I#{LIBRARY}", script, way, own, *arguments.map(&:to_s))
      raise errors unless status.success?

      rate.to_f
    end
  end
end
