defmodule Knocker.HTTP.Metrics do
  @moduledoc """
  What is answered to a monitoring system, whatever the server: for servers without Plug, and what `Knocker.Plug.Metrics` is made of. It tells the names of
  your endpoints and how busy they are, so serve it where only your monitoring comes by.
  """

  alias Knocker.{Contract, HTTP}

  require Logger

  @doc "The metrics of these hooks, as OpenMetrics where the header `accept` asks for it."
  @spec respond(Knocker.hooks(), String.t() | nil) :: HTTP.answer()
  def respond(hooks, accept) do
    format = if String.contains?(accept || "", "application/openmetrics-text"), do: :openmetrics, else: :prometheus

    case Knocker.metrics(hooks, openmetrics: format == :openmetrics) do
      {:ok, text} ->
        %{status: 200, headers: [{"content-type", Contract.metrics_type(format)}], body: text, close: false}

      {:error, error} ->
        text = Exception.message(error)
        Logger.error("metrics not read, answered 503: #{text}", record: "metrics_failed", code: Map.get(error, :code), error: text)
        headers = [{"content-type", "text/plain; charset=utf-8"}, {"retry-after", "5"}]
        %{status: 503, headers: headers, body: "try again later", close: false}
    end
  end
end
