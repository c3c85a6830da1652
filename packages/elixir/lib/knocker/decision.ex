defmodule Knocker.Decision do
  @moduledoc false
  # What became of the handlers of one event.

  alias Knocker.{Errors, HandlerError}

  # What retry_after_s of the SQL contract takes.
  @longest_retry_s 30 * 24 * 3600
  # The core keeps 8 KiB of an error. Somewhat more than that is not even converted.
  @longest_text 16 * 1024

  @type t ::
          :handled
          | {:ignore, String.t()}
          | {:dead, String.t(), Exception.t()}
          | {:retry, number() | nil, String.t(), Exception.t()}
          | {:failed, String.t(), Exception.t()}

  @doc "Reads what a handler returned."
  @spec of(term()) :: t()
  def of(:ok), do: :handled
  def of({:ok, _anything}), do: :handled
  def of({:error, reason}), do: failed(reason)
  def of({:ignore, why}), do: {:ignore, text(why, "the handler ignored it")}
  def of({:dead, why}), do: with(why = text(why, "the handler gave up"), do: {:dead, why, error(why, {:dead, why})})
  def of({:retry, seconds}), do: of({:retry, seconds, nil})

  def of({:retry, seconds, why}) when seconds == nil or (is_number(seconds) and seconds >= 0 and seconds <= @longest_retry_s) do
    why = text(why, "the handler asked for another attempt")
    {:retry, seconds, why, error(why, {:retry, seconds})}
  end

  def of({:retry, seconds, _why}),
    do: failed(Errors.new("invalid_argument", "{:retry, seconds}: after must be 0 to #{@longest_retry_s} seconds, not #{inspect(seconds, limit: 5)}"))

  def of(other) do
    failed(
      error(
        "a handler returned #{inspect(other, limit: 5, printable_limit: 100)}; it says :ok, {:ok, _}, {:error, reason}, {:retry, seconds}, {:ignore, why} or {:dead, why}",
        other
      )
    )
  end

  @doc "Reads how a handler ended that did not return."
  @spec of_crash(:error | :exit | :throw, term(), Exception.stacktrace()) :: t()
  def of_crash(:error, reason, stacktrace) do
    # What a function was called with is the event.
    stacktrace = Enum.map(stacktrace, &without_arguments/1)
    error = Exception.normalize(:error, reason, stacktrace)
    {:failed, clean(message(error) <> "\n" <> Exception.format_stacktrace(stacktrace)), error}
  end

  def of_crash(kind, reason, stacktrace) do
    said = "#{kind}: #{inspect(reason, limit: 20, printable_limit: 500)}"
    {:failed, clean(said <> "\n" <> Exception.format_stacktrace(Enum.map(stacktrace, &without_arguments/1))), error(clean(said), reason)}
  end

  @doc "An exception as the reason of a failed attempt."
  @spec failed(term()) :: t()
  def failed(%{__exception__: true} = error), do: {:failed, error |> message() |> clean(), error}
  def failed(reason), do: with(why = text(reason, "the handler failed without a word"), do: {:failed, why, error(why, reason)})

  @doc "The error that the hook is told of, if there is one."
  @spec error_of(t()) :: Exception.t() | nil
  def error_of({:failed, _text, error}), do: error
  def error_of({:dead, _text, error}), do: error
  def error_of({:retry, _seconds, _text, error}), do: error
  def error_of(_handled_or_ignored), do: nil

  @doc "An error's own text; of Knocker's errors without the code."
  @spec message(Exception.t()) :: String.t()
  def message(%{code: _code, message: message}) when is_binary(message), do: message

  def message(error) do
    Exception.message(error)
  catch
    # Elixir itself takes only what message/1 raises.
    kind, _reason -> "#{inspect(error.__struct__)}, and its message/1 ended with #{kind}"
  end

  defp error(message, reason), do: %HandlerError{message: message, reason: reason}

  defp text(%{__exception__: true} = error, otherwise), do: error |> message() |> text(otherwise)
  defp text(nil, otherwise), do: otherwise

  defp text(text, otherwise) when is_binary(text) do
    text = clean(text)
    if String.trim(text) == "", do: otherwise, else: text
  end

  defp text(other, _otherwise), do: inspect(other, limit: 20, printable_limit: 500)

  # Text that the database takes.
  defp clean(text) do
    text = if byte_size(text) > @longest_text, do: binary_part(text, 0, @longest_text), else: text
    if String.valid?(text), do: text, else: text |> valid([]) |> IO.iodata_to_binary()
  end

  defp valid(<<letter::utf8, rest::binary>>, done), do: valid(rest, [done, <<letter::utf8>>])
  defp valid(<<_byte, rest::binary>>, done), do: valid(rest, [done, "\uFFFD"])
  defp valid(<<>>, done), do: done

  defp without_arguments({module, function, arguments, location}) when is_list(arguments), do: {module, function, length(arguments), location}
  defp without_arguments({function, arguments, location}) when is_list(arguments), do: {function, length(arguments), location}
  defp without_arguments(frame), do: frame
end
