# frozen_string_literal: true

require "test_helper"

# Every block of Ruby in the README, and in the page behind it, is cut from an example that runs.
class ReadmeTest < Minitest::Test
  ROOT = File.expand_path("../../..", __dir__)
  PAGES = %w[packages/ruby/README.md docs/src/content/docs/reference/ruby-in-depth.md].to_h { |page| [page, File.read(File.join(ROOT, page))] }
  ALL = PAGES.values.join
  BLOCK = /^(?:<!-- from (?<file>\S+) -->\n)?```ruby\n(?<code>.*?)^```$/m

  def test_each_block_is_cut_from_an_example
    blocks = ALL.enum_for(:scan, BLOCK).map { [Regexp.last_match[:file], Regexp.last_match[:code]] }
    assert_operator blocks.size, :>, 5
    blocks.each do |file, code|
      refute_nil file, "says no example: #{code}"
      assert_includes File.read(File.join(ROOT, file)), code, file
    end
  end

  def test_links_lead_somewhere
    PAGES.each do |page, text|
      text.scan(/\]\(([^)#]+)[^)]*\)/).flatten.reject { |link| link.start_with?("http") }.each do |link|
        assert File.exist?(File.expand_path(link, File.join(ROOT, File.dirname(page)))), "#{page}: #{link}"
      end
    end
  end

  def test_the_methods_that_it_names_are_there
    { "hooks" => Knocker::Hooks, "stripe" => Knocker::Endpoint, "Knocker" => Knocker.singleton_class }.each do |name, type|
      ALL.scan(/`#{name}\.([a-z_]+)/).flatten.uniq.each { |method| assert type.method_defined?(method), "#{name}.#{method}" }
    end
  end
end
