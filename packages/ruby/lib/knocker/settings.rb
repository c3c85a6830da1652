# frozen_string_literal: true

# Generated from extension/contract/contract.json by `make contract`; do not edit.

module Knocker
  # The delay between attempts; nil stands for the default.
  module BackoffSettings
    KEYS = {
      # Delay after the first attempt. 0 to 2,592,000 seconds. Default 5.
      base_s: :seconds,
      # What each further attempt multiplies it by. 1 to 100. Default 4.
      factor: :number,
      # The longest delay. 0 to 2,592,000 seconds. Default 21,600.
      cap_s: :seconds
    }.freeze
  end

  # The settings of an endpoint; nil stands for the default.
  module EndpointSettings
    KEYS = {
      # Name of a provider; without one the endpoint takes trusted ingress only.
      provider: :text,
      # Options of that provider.
      options: :object,
      # Whether receipts are taken; where not, they are answered 410. Default true.
      enabled: :boolean,
      # Attempts before an event is dead. 1 to 1,000. Default 10.
      max_attempts: :integer,
      # The delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter.
      backoff: :backoff_settings,
      # Larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least
      # this. 1 to 104,857,600 bytes. Default 1,048,576.
      max_body_bytes: :integer,
      # What becomes of an event that no handler wants. Default "retry".
      unhandled: :word,
      # What a duplicate does to its event. Default "keep".
      on_redelivery: :word,
      # Refused receipts that are stored in any hour; those beyond are only counted. 0 to 1,000,000,000. Default 1,000.
      invalid_per_hour: :integer,
      # Refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy
      # makes room. 0 to 1,000,000,000. Default 10,000.
      max_refused: :integer,
      # Bytes that they take at most, every column counted. 0 to 1,000,000,000,000 bytes. Default 134,217,728.
      max_refused_bytes: :integer,
      # Events that one delivery creates at most; a larger batch is stored whole, as one event. 1 to 1,000,000. Default
      # 10,000.
      max_batch_events: :integer
    }.freeze
  end
end
