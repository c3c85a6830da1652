defmodule Knocker.LogCapture do
  @moduledoc false
  # A handler of OTP's logger that sends each line of Knocker's to the process that asked: level, text and metadata.

  def start(id \\ __MODULE__) do
    :ok = :logger.add_handler(id, __MODULE__, %{config: %{to: self(), records: :ets.new(__MODULE__, [:public])}, level: :all})
    ExUnit.Callbacks.on_exit(fn -> :logger.remove_handler(id) end)
  end

  # Called by the logger, in the process that logs.
  def log(%{level: level, msg: message, meta: meta}, %{config: %{to: to, records: records}}) do
    send(to, {:logged, level, text(message), meta})
    # Not where its test is over.
    if :ets.info(records) != :undefined, do: :ets.insert(records, {meta[:record]})
  end

  defp text({:string, text}), do: IO.chardata_to_string(text)
  defp text({:report, report}), do: inspect(report)
  defp text({format, arguments}), do: format |> :io_lib.format(arguments) |> IO.chardata_to_string()

  @doc "Whether the log has a record; any process may ask."
  def said?(record, id \\ __MODULE__) do
    {:ok, %{config: %{records: records}}} = :logger.get_handler_config(id)
    :ets.member(records, record)
  end

  @doc "The lines since the last time."
  def lines do
    receive do
      {:logged, level, text, meta} -> [{level, text, meta} | lines()]
    after
      0 -> []
    end
  end
end
