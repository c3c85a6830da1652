# frozen_string_literal: true

# Each tenant's payments are in its file: `ruby tenant_files_test.rb`.

require "minitest/autorun"
require "stringio"
require "timeout"
require "tmpdir"

ENV["TENANTS_FOLDER"] = Dir.mktmpdir
ENV["STRIPE_WEBHOOK_SECRET_ACME"] = "whsec_acme"
ENV["STRIPE_WEBHOOK_SECRET_GLOBEX"] = "whsec_globex"

require "knocker/testing"
require_relative "tenant_files"

# One server's app and one worker, for all tenants.
class TenantFilesTest < Minitest::Test
  include Knocker::Testing

  def post(path, secret)
    signed = sign("stripe", { id: "evt_1", type: "invoice.paid", data: { object: { id: "in_1" } } }, secret)
    headers = Knocker::Headers.pairs(signed.headers).to_h.transform_keys { |name| "HTTP_#{name.upcase.tr("-", "_")}" }
    TENANTS.rack.call({ "REQUEST_METHOD" => "POST", "PATH_INFO" => path, "HTTP_HOST" => "shop.example", "rack.url_scheme" => "https",
                        "rack.input" => StringIO.new(signed.body), **headers }).first
  end

  def payments(tenant)
    TENANTS.hooks(tenant) { |hooks| hooks.database.rows("SELECT invoice FROM payments").flatten }
  rescue Knocker::SqliteError
    # The table is made by the first handler.
    []
  end

  def test_each_tenants_payments_are_in_its_file
    %w[acme globex].each { |tenant| TENANTS.create(tenant) }
    TENANTS.start_worker
    assert_equal 200, post("/acme/stripe", "whsec_acme")
    assert_equal 401, post("/globex/stripe", "whsec_acme")
    assert_equal 404, post("/nobody/stripe", "whsec_acme")
    Timeout.timeout(60) { sleep(0.01) until payments("acme") == ["in_1"] }
    assert_empty payments("globex")
  ensure
    TENANTS.close
  end
end
