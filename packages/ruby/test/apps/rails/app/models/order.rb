# frozen_string_literal: true

# What a paid checkout becomes.
class Order < ActiveRecord::Base
  after_commit { Rails.logger.warn("order #{checkout} is committed") }
end
