# frozen_string_literal: true

require "json"

module Knocker
  # Attempts that ended without a word: their worker died, or let go of its lease. The claim that notices it records them.
  module LostAttempts
    # What a claim has recorded of one, and whether it was the last one of its event.
    Lost = Struct.new(:event_id, :delivery_id, :attempt, :error, :dead)

    module_function

    # The newest attempt of the file; to be asked inside the transaction of a claim.
    # @return [Integer]
    def last(connection) = connection.value("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1") || 0

    # Those that were recorded since, in the same transaction. What their events are is read later, when others can write again.
    # @return [Array<Lost>]
    def since(connection, last)
      rows = connection.rows(<<~SQL, [last])
        SELECT event_id, delivery_id, attempt, error, (SELECT status = 'dead' FROM knocker_events WHERE id = event_id)
        FROM knocker_attempts
        WHERE id > ? AND result = 'lease_expired'
        ORDER BY id
      SQL
      rows.map { |event_id, delivery_id, attempt, error, dead| Lost.new(event_id, delivery_id, attempt, error, dead == 1) }
    end

    # @return [Event, nil] the event, with the attempt that is over; nil where it has been deleted since
    def event(connection, lost)
      found = connection.rows("SELECT endpoint, type, key, body, max_attempts, received_at FROM knocker_events WHERE id = ?", [lost.event_id]).first
      request = connection.rows("SELECT method, url, headers FROM knocker_deliveries WHERE id = ?", [lost.delivery_id]).first
      return nil if found.nil? || request.nil?

      endpoint, type, key, body, most, received_at = found
      method, url, headers = request
      delivery = EventDelivery.new(id: lost.delivery_id, method: method, url: url, headers: Headers.stored(headers))
      Event.new(id: lost.event_id, endpoint: endpoint, type: type, key: key, body: body.to_s.b, attempt: lost.attempt, max_attempts: most,
                received_at: Moment.to_time(received_at), delivery: delivery)
    end
  end
end
