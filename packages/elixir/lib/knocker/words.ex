# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.AttemptResult do
  @moduledoc """
  How an attempt ended.

  * `:handled` - the handlers are done with the event.
  * `:failed` - it failed, and another one follows.
  * `:dead` - it failed, and none follows.
  * `:ignored` - the handler decided to ignore the event.
  * `:lease_expired` - the worker let its lease run out, or died.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :handled | :failed | :dead | :ignored | :lease_expired | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("handled"), do: :handled
  def read("failed"), do: :failed
  def read("dead"), do: :dead
  def read("ignored"), do: :ignored
  def read("lease_expired"), do: :lease_expired
  def read(other), do: other
end

defmodule Knocker.DeliveryOutcome do
  @moduledoc """
  What became of a stored receipt.

  * `:accepted` - it created an event, or several.
  * `:duplicate` - its events were there already.
  * `:invalid` - it did not prove itself.
  * `:handshake` - the provider asked whether somebody is there.
  * `:too_large` - its body is larger than the endpoint takes; what is kept of it is size and SHA-256.
  * `:disabled` - the endpoint is disabled.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :accepted | :duplicate | :invalid | :handshake | :too_large | :disabled | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("accepted"), do: :accepted
  def read("duplicate"), do: :duplicate
  def read("invalid"), do: :invalid
  def read("handshake"), do: :handshake
  def read("too_large"), do: :too_large
  def read("disabled"), do: :disabled
  def read(other), do: other
end

defmodule Knocker.EventStatus do
  @moduledoc """
  Where an event stands.

  * `:received` - it waits for its first attempt, or for the first since it was put back.
  * `:processing` - a worker works on it.
  * `:failed` - an attempt failed: it will be tried again.
  * `:handled` - its handlers are done with it.
  * `:dead` - it will not be tried again, unless somebody puts it back.
  * `:ignored` - it is not to be handled.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :received | :processing | :failed | :handled | :dead | :ignored | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("received"), do: :received
  def read("processing"), do: :processing
  def read("failed"), do: :failed
  def read("handled"), do: :handled
  def read("dead"), do: :dead
  def read("ignored"), do: :ignored
  def read(other), do: other
end

defmodule Knocker.OnRedelivery do
  @moduledoc """
  What a duplicate does to its event.

  * `:keep` - nothing.
  * `:requeue_dead` - puts a dead event back in the queue.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :keep | :requeue_dead | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("keep"), do: :keep
  def read("requeue_dead"), do: :requeue_dead
  def read(other), do: other
end

defmodule Knocker.PruneKind do
  @moduledoc """
  What a prune was.

  * `:events` - of events.
  * `:deliveries` - of deliveries.
  * `:retention` - a pass of a retention policy that deleted something; its filter is the policy.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :events | :deliveries | :retention | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("events"), do: :events
  def read("deliveries"), do: :deliveries
  def read("retention"), do: :retention
  def read(other), do: other
end

defmodule Knocker.Reason do
  @moduledoc """
  Why a request was refused: a closed list, stored with the delivery.

  * `:missing_header` - a header that the provider always sends is absent.
  * `:malformed_header` - a header is there but not in the provider's form, or occurs with different values.
  * `:bad_signature` - no secret produces this signature.
  * `:timestamp_out_of_tolerance` - the signed timestamp is too old, or too far in the future.
  * `:malformed_body` - the body is not what the provider sends.
  * `:no_secret` - no usable secret was given, so nothing can be verified.
  * `:not_allowed` - the request proved itself but asks for something that is not allowed (method, algorithm, subscription).
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t ::
          :missing_header
          | :malformed_header
          | :bad_signature
          | :timestamp_out_of_tolerance
          | :malformed_body
          | :no_secret
          | :not_allowed
          | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("missing_header"), do: :missing_header
  def read("malformed_header"), do: :malformed_header
  def read("bad_signature"), do: :bad_signature
  def read("timestamp_out_of_tolerance"), do: :timestamp_out_of_tolerance
  def read("malformed_body"), do: :malformed_body
  def read("no_secret"), do: :no_secret
  def read("not_allowed"), do: :not_allowed
  def read(other), do: other
end

defmodule Knocker.ReceiptOutcome do
  @moduledoc """
  What became of a receipt.

  * `:accepted` - it created an event, or several.
  * `:duplicate` - its events were there already.
  * `:invalid` - it did not prove itself.
  * `:handshake` - the provider asked whether somebody is there.
  * `:too_large` - its body is larger than the endpoint takes; what is kept of it is size and SHA-256.
  * `:disabled` - the endpoint is disabled.
  * `:limited` - it was only counted, since the endpoint keeps as many refused receipts as it may.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :accepted | :duplicate | :invalid | :handshake | :too_large | :disabled | :limited | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("accepted"), do: :accepted
  def read("duplicate"), do: :duplicate
  def read("invalid"), do: :invalid
  def read("handshake"), do: :handshake
  def read("too_large"), do: :too_large
  def read("disabled"), do: :disabled
  def read("limited"), do: :limited
  def read(other), do: other
end

defmodule Knocker.Unhandled do
  @moduledoc """
  What becomes of an event that no handler wants.

  * `:retry` - a failed attempt with the reason `no_handler`: another process, of a newer version perhaps, may have the handler.
  * `:dead` - dead with the reason `no_handler`, so that somebody looks.
  * `:ignore` - ignored.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :retry | :dead | :ignore | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("retry"), do: :retry
  def read("dead"), do: :dead
  def read("ignore"), do: :ignore
  def read(other), do: other
end

defmodule Knocker.VerdictKind do
  @moduledoc """
  What a verified request is.

  * `:delivery` - it brings events.
  * `:handshake` - the provider asks whether somebody is there.
  """

  @typedoc "One of them; a newer library may know more, which stay as text."
  @type t :: :delivery | :handshake | String.t()

  @doc false
  @spec read(String.t() | nil) :: t() | nil
  def read("delivery"), do: :delivery
  def read("handshake"), do: :handshake
  def read(other), do: other
end
