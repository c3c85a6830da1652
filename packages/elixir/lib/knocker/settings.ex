# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.BackoffSettings do
  @moduledoc """
  The delay between attempts; nil stands for the default.

  A keyword list, or a map.

  * `base_s` - delay after the first attempt. 0 to 2,592,000 seconds. Default 5.
  * `factor` - what each further attempt multiplies it by. 1 to 100. Default 4.
  * `cap_s` - the longest delay. 0 to 2,592,000 seconds. Default 21,600.
  """

  @type option :: {:base_s, number() | nil} | {:factor, number() | nil} | {:cap_s, number() | nil}

  @type t :: [option()] | map()

  @keys [
    :base_s,
    :factor,
    :cap_s
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "BackoffSettings", %{})
end

defmodule Knocker.EndpointSettings do
  @moduledoc """
  The settings of an endpoint; nil stands for the default.

  A keyword list, or a map.

  * `provider` - name of a provider; without one the endpoint takes trusted ingress only.
  * `options` - options of that provider.
  * `enabled` - whether receipts are taken; where not, they are answered 410. Default true.
  * `max_attempts` - attempts before an event is dead. 1 to 1,000. Default 10.
  * `backoff` - the delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter.
  * `max_body_bytes` - larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least this.
    1 to 104,857,600 bytes. Default 1,048,576.
  * `unhandled` - what becomes of an event that no handler wants. Default `:retry`.
  * `on_redelivery` - what a duplicate does to its event. Default `:keep`.
  * `invalid_per_hour` - refused receipts that are stored in any hour; those beyond are only counted. 0 to 1,000,000,000. Default 1,000.
  * `max_refused` - refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy makes room.
    0 to 1,000,000,000. Default 10,000.
  * `max_refused_bytes` - bytes that they take at most, every column counted. 0 to 1,000,000,000,000 bytes. Default 134,217,728.
  * `max_batch_events` - events that one delivery creates at most; a larger batch is stored whole, as one event. 1 to 1,000,000. Default
    10,000.
  """

  @type option ::
          {:provider, String.t() | nil}
          | {:options, map() | keyword() | nil}
          | {:enabled, boolean() | nil}
          | {:max_attempts, integer() | nil}
          | {:backoff, Knocker.BackoffSettings.t() | nil}
          | {:max_body_bytes, integer() | nil}
          | {:unhandled, Knocker.Unhandled.t() | nil}
          | {:on_redelivery, Knocker.OnRedelivery.t() | nil}
          | {:invalid_per_hour, integer() | nil}
          | {:max_refused, integer() | nil}
          | {:max_refused_bytes, integer() | nil}
          | {:max_batch_events, integer() | nil}

  @type t :: [option()] | map()

  @keys [
    :provider,
    :options,
    :enabled,
    :max_attempts,
    :backoff,
    :max_body_bytes,
    :unhandled,
    :on_redelivery,
    :invalid_per_hour,
    :max_refused,
    :max_refused_bytes,
    :max_batch_events
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "EndpointSettings", %{options: :object, backoff: :object})
end
