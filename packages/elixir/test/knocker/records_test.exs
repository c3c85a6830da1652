defmodule Knocker.RecordsTest do
  use ExUnit.Case, async: true

  alias Knocker.{DeliveryRecord, EndpointRecord, EventRecord, Receipt, Verdict}

  @moduletag :tmp_dir
  @now 1_767_323_045_678

  setup %{tmp_dir: folder} do
    {:ok, db} = Knocker.Driver.default().open(Path.join(folder, "app.db"))
    on_exit(fn -> Knocker.Driver.default().close(db) end)
    :ok = Knocker.Driver.default().load_extension(db, System.fetch_env!("KNOCKER_EXTENSION"), Knocker.Contract.entry_point())
    rows!(db, "SELECT knocker_bootstrap(?1)", [@now])
    rows!(db, "SELECT knocker_endpoint('orders', '{\"backoff\": {\"base_s\": 1}}', ?1)", [@now])
    %{db: db}
  end

  test "results and rows of a receipt are read into their types", %{db: db} do
    fields = ~s({"valid": true, "type": "order.paid", "key": "o-1", "url": "/hooks?token=x", "headers": [["A", "1"], ["A", "2"]]})
    [[json]] = rows!(db, "SELECT knocker_ingest('orders', ?1, ?2, ?3)", [fields, {:blob, <<1, 0, 255>>}, @now])

    assert %Receipt{outcome: :accepted, event_id: event, events: [%Knocker.ReceivedEvent{duplicate: false}], reason: nil, response: response} =
             Receipt.from_json(Knocker.JSON.decode!(json))

    assert %Knocker.WebhookResponse{status: 200} = response
    assert %EventRecord{id: ^event, status: :received, body: <<1, 0, 255>>, ended_at: nil} = stored = one(db, EventRecord, "knocker_events")
    assert stored.received_at == DateTime.from_unix!(@now, :millisecond)
    assert %DeliveryRecord{outcome: :accepted, headers: %{"a" => ["1", "2"]}} = delivery = one(db, DeliveryRecord, "knocker_deliveries")
    assert %EndpointRecord{enabled: true, options: %{}, unhandled: :retry, backoff: backoff} = one(db, EndpointRecord, "knocker_endpoints")
    assert %Knocker.Backoff{base_s: base} = backoff
    assert base == 1

    # What strangers sent is not printed by the way.
    refute inspect(delivery) =~ "token"
    refute inspect(stored) =~ "body:"
  end

  test "a word that a newer library has stays as it is, and so does a field that is missing" do
    verdict = Verdict.from_json(%{"valid" => false, "reason" => "too_early", "items" => [], "response" => %{"status" => 401}, "more" => 1})
    assert %Verdict{valid: false, reason: "too_early", kind: nil, response: %Knocker.WebhookResponse{status: 401}} = verdict
  end

  defp one(db, record, view) do
    [row] = rows!(db, "SELECT #{record.columns()} FROM #{view}")
    record.from_row(row)
  end

  defp rows!(db, sql, parameters \\ []) do
    {:ok, rows} = Knocker.Driver.default().execute(db, sql, parameters)
    rows
  end
end
