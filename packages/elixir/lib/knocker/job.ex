defmodule Knocker.Job do
  @moduledoc """
  An event that is leased to a worker.
  """

  alias Knocker.{Event, EventDelivery, JSON}

  @enforce_keys [:id, :worker, :lease_expires_at, :event]
  defstruct @enforce_keys

  @type t :: %__MODULE__{id: pos_integer(), worker: String.t(), lease_expires_at: DateTime.t(), event: Event.t()}

  @doc false
  def columns,
    do: "job_id, worker, lease_expires_at, event_id, delivery_id, endpoint, type, key, attempt, max_attempts, received_at, method, url, headers, body"

  @doc false
  def from_row([id, worker, expires, event, delivery, endpoint, type, key, attempt, most, received, method, url, headers, body]) do
    %__MODULE__{
      id: id,
      worker: worker,
      lease_expires_at: moment(expires),
      event: event([event, delivery, endpoint, type, key, attempt, most, received, method, url, headers, body])
    }
  end

  @doc false
  def event([id, delivery, endpoint, type, key, attempt, most, received, method, url, headers, body]) do
    %Event{
      id: id,
      endpoint: endpoint,
      type: type,
      key: key,
      body: body || "",
      attempt: attempt,
      max_attempts: most,
      received_at: moment(received),
      delivery: %EventDelivery{id: delivery, method: method, url: url, headers: if(headers, do: JSON.decode!(headers), else: %{})}
    }
  end

  defp moment(milliseconds), do: DateTime.from_unix!(milliseconds, :millisecond)
end
