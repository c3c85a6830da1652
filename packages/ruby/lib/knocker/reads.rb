# frozen_string_literal: true

module Knocker
  # The reading half of {Hooks}. Every list is an Enumerator: it reads a page when you reach it and holds no transaction.
  #
  # Lists take these as well: `since`, `until`, `after`, `limit` and `newest_first`. They go from the oldest to the newest, or the other way with `newest_first`, and end after `limit` rows where one is given. To go on later,
  # pass the last `id` you saw as `after`: it is the cursor in either direction. `since` is included and `until` is excluded; both are Times, or Unix
  # milliseconds. `status`, `outcome` and `result` are one name or several, Symbols or Strings. What no row can match is refused when the list is
  # made.
  module Reads
    PAGE = 100
    private_constant :PAGE

    # Events. `type` is exact, or a prefix with `.*`; `key` is the identity that dedupe uses.
    # @return [Enumerator<EventRecord>]
    def events(status: nil, endpoint: nil, type: nil, key: nil, since: nil, with_body: false, **page)
      where = Where.new
      where.one_of("status", status, EVENT_STATUSES)
      of_endpoint(where, endpoint)
      where.type(type)
      where.equal("key", key)
      where.received(since, page.delete(:until))
      pages(EventRecord, where, with_body: with_body, **page)
    end

    # Deliveries, refused ones included.
    # @return [Enumerator<DeliveryRecord>]
    def deliveries(outcome: nil, endpoint: nil, event_id: nil, since: nil, with_body: false, **page)
      where = Where.new
      where.one_of("outcome", outcome, DELIVERY_OUTCOMES)
      of_endpoint(where, endpoint)
      unless event_id.nil?
        # A batch brings several events, and its row names the first of them only.
        where.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", Where.row_id("event_id", event_id))
      end
      where.between("received_at", since, page.delete(:until))
      pages(DeliveryRecord, where, with_body: with_body, **page)
    end

    # Attempts at events, by the time at which they ended.
    # @return [Enumerator<AttemptRecord>]
    def attempts(event_id: nil, endpoint: nil, result: nil, since: nil, **page)
      where = Where.new
      where.id("event_id", event_id)
      of_endpoint(where, endpoint)
      where.one_of("result", result, ATTEMPT_RESULTS)
      where.between("finished_at", since, page.delete(:until))
      pages(AttemptRecord, where, **page)
    end

    # Audits of prunes.
    # @return [Enumerator<PruneRecord>]
    def prunes(since: nil, **page)
      where = Where.new
      where.between("pruned_at", since, page.delete(:until))
      pages(PruneRecord, where, **page)
    end

    # @return [Array<PolicyRecord>] the stored retention policies
    def policies = pages(PolicyRecord, Where.new).to_a

    # Which deliveries brought an event, or which events a delivery brought; name one of the two.
    # @return [Array<EventDeliveryRecord>]
    def event_deliveries(event_id: nil, delivery_id: nil)
      raise UsageError, "event_deliveries: name an event_id or a delivery_id" if event_id.nil? && delivery_id.nil?

      where = Where.new
      where.id("event_id", event_id)
      where.id("delivery_id", delivery_id)
      read(EventDeliveryRecord, where, EventDeliveryRecord::FIELDS, "ORDER BY event_id, delivery_id")
    end

    # @return [Array<EndpointRecord>] the settings of every endpoint of the file, also those of other processes
    def stored_endpoints = pages(EndpointRecord, Where.new).to_a

    # @return [EventRecord] with its body
    # @raise [UnknownEventError]
    def event(id) = one(EventRecord, id) || raise(UnknownEventError, "there is no event #{id}")

    # @return [DeliveryRecord] with its body
    # @raise [UnknownDeliveryError]
    def delivery(id) = one(DeliveryRecord, id) || raise(UnknownDeliveryError, "there is no delivery #{id}")

    private

    def one(record, id)
      where = Where.new.add("id = ?", Where.row_id("id", id))
      read(record, where, record::FIELDS, "").first
    end

    def of_endpoint(where, name)
      return if name.nil?

      require_endpoint(name)
      where.equal("endpoint", name.to_s)
    end

    # @raise [UnknownEndpointError] where the file has none of that name, with the nearest one
    def require_endpoint(name)
      names = @database.rows("SELECT name FROM knocker_endpoints ORDER BY name").flatten
      return if names.include?(name.to_s)

      near = DidYouMean::SpellChecker.new(dictionary: names).correct(name.to_s).first
      raise UnknownEndpointError, "there is no endpoint #{name.to_s.inspect}#{"; did you mean #{near.inspect}?" if near}"
    end

    # Checked here and not where the list is read: a mistake is to be seen where it is made.
    def pages(record, where, after: nil, limit: nil, newest_first: false, with_body: false)
      Where.row_id("after", after) unless after.nil?
      raise UsageError, "limit must be a whole number, not #{limit.inspect}" unless limit.nil? || (limit.is_a?(Integer) && limit >= 0)

      fields = with_body ? record::FIELDS : record::FIELDS - [:body]
      Enumerator.new { |rows| each_page(record, where, fields, after, limit, newest_first) { |row| rows << row } }
    end

    def each_page(record, where, fields, after, limit, newest_first, &)
      order = newest_first ? "DESC" : "ASC"
      left = limit
      is_first = true
      while left.nil? || left.positive?
        size = left.nil? ? PAGE : [PAGE, left].min
        found = read(record, where.page(after, newest_first, is_first), fields, "ORDER BY id #{order} LIMIT #{size}")
        found.each(&)
        break if found.size < size

        left -= size if left
        after = found.last.id
        is_first = false
      end
    end

    def read(record, where, fields, rest)
      names = fields.map(&:to_s)
      rows = @database.rows("SELECT #{names.join(", ")} FROM #{record::VIEW} #{where} #{rest}", where.values)
      rows.map { |row| record.read(names.zip(row).to_h) }
    end
  end
end
