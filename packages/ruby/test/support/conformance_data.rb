# frozen_string_literal: true

require "json"
require "fileutils"

# The language-neutral data that every implementation runs, and the account of what ran.
module ConformanceData
  ROOT = File.expand_path("../../../..", __dir__)
  FOLDER = File.join(ROOT, "extension", "conformance")
  CONTRACT = JSON.parse(File.read(File.join(ROOT, "extension", "contract", "contract.json"))).freeze

  module_function

  # Yields each file's name without its ending, its content, and each of its cases.
  def each_case(kind, key)
    files = Dir[File.join(FOLDER, kind, "*.json")]
    raise "there is no data of the kind #{kind}" if files.empty?

    files.each do |file|
      content = JSON.parse(File.read(file))
      content.fetch(key).each { |one| yield File.basename(file, ".json"), content, one }
    end
  end

  # What `release/conformance-table` is told.
  def write_count(kind, ran)
    target = ENV.fetch("CARGO_TARGET_DIR", "")
    folder = File.join(target.empty? ? File.join(ROOT, "target") : target, "conformance")
    FileUtils.mkdir_p(folder)
    told = { package: "ruby", kind: kind, ran: ran, on: "#{RUBY_ENGINE} #{RUBY_VERSION}, sqlite3 #{SQLite3::VERSION}" }
    File.write(File.join(folder, "ruby.#{kind}.json"), "#{JSON.generate(told)}\n")
  end

  # Refuses what the data says and this runner does not know: a typing error must not look like success.
  def known!(given, *keys)
    unknown = given.keys - keys
    raise "the runner knows no #{unknown.join(", ")} in #{given}" unless unknown.empty?
  end

  # The bytes of `body` or `body_base64`.
  def raw_body(given)
    given.key?("body_base64") ? given["body_base64"].unpack1("m") : (given["body"] || "").b
  end
end
