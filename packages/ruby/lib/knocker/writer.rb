# frozen_string_literal: true

module Knocker
  # Group commit: callers that arrive together share one transaction, and each is answered after its commit; after the replica has it, where receipts
  # are to wait for one.
  #
  # The price of a durable write is the sync of its commit. There is no thread for it: a caller that finds nobody else leads, runs its own call
  # and those of whoever has come, commits once and answers everybody; who comes meanwhile waits, and one of those leads the next group. So a lone
  # caller pays for no hand-over. Each call is atomic through a savepoint of its own, so one caller's error is its own. What is costly about a
  # call is done before it comes here.
  class Writer
    # How many calls share a commit at most.
    MOST_CALLS = 128
    # How many bytes of arguments share a commit at most; a larger call has one of its own.
    MOST_BYTES = 8 * 1024 * 1024
    # Calls that came within this time of each other give up together.
    SLACK_S = 0.02
    INTERRUPTED = { Object => :immediate }.freeze
    private_constant :MOST_CALLS, :MOST_BYTES, :SLACK_S, :INTERRUPTED

    # @param database [Database]
    # @param replica [Replica, nil] what receipts wait for
    def initialize(database, replica = nil)
      @database = database
      @replica = replica
      @connection = nil
      @generation = 0
      @lock = Mutex.new
      @idle = ConditionVariable.new
      @waiting = []
      @led = false
      @closed = false
    end

    # Runs one SQL function in the next commit that has room for it, and returns its result after the commit. Raises the error of this call alone.
    # One whose caller is interrupted may still be committed.
    def call(function, *arguments)
      ticket = Ticket.new(function, arguments)
      Thread.handle_interrupt(Connection::UNINTERRUPTED) do
        if leads?(ticket)
          wait_for_company
          lead(ticket)
        elsif asked_to_lead?(ticket)
          lead(ticket)
        end
      end
      answer_of(ticket)
    end

    # As {#call} for what the block gives: a function and an array of its arguments, which take work to be made. Who finds nobody else has the work
    # and the write done by one function, with a short transaction of its own.
    def call_made(whole, arguments, &make)
      @database.refuse_closed
      # A look without the lock: who leads by now is found out by the one with it.
      ticket = Thread.handle_interrupt(Connection::UNINTERRUPTED) { lead_at_once(whole, arguments, &make) } unless @led
      return answer_of(ticket) if ticket

      function, made = yield
      call(function, *made)
    end

    # Waits until what is queued is committed, and closes the connection.
    def close
      @lock.synchronize do
        @closed = true
        @idle.wait(@lock) while @led
      end
      disconnect
    end

    # Closes the connection, which is opened again for the next group. To be called where nobody is inside the database's gate.
    def disconnect
      @replica&.close
      connection = @connection
      @connection = nil
      connection&.close
    end

    private

    def answer_of(ticket)
      raise ticket.error if ticket.error

      ticket.result
    end

    # Leads where nobody does; nil where somebody leads.
    def lead_at_once(whole, arguments)
      return unless leads_alone?

      begin
        wait_for_company
        ticket = accompanied? ? Ticket.new(*yield) : Ticket.new(whole, arguments, alone: true)
      ensure
        pass_on if ticket.nil?
      end
      @lock.synchronize { @waiting.unshift(ticket) }
      lead(ticket)
      ticket
    end

    def leads_alone?
      @lock.synchronize do
        raise ClosedError, Database::CLOSED if @closed

        !@led && (@led = true)
      end
    end

    def accompanied? = !@waiting.empty?

    # Whoever is on the way here comes in before the commit, which nobody can beside it: SQLite works under the interpreter's lock.
    def wait_for_company = Thread.pass

    # Joins those who wait; true where nobody leads.
    def leads?(ticket)
      @lock.synchronize do
        raise ClosedError, Database::CLOSED if @closed

        @waiting << ticket
        ticket.news = Thread::Queue.new if @led
        !@led && (@led = true)
      end
    end

    # Waits for the answer; true where this caller is to lead the next group instead.
    def asked_to_lead?(ticket)
      news = Thread.handle_interrupt(INTERRUPTED) { ticket.news.pop }
      news == :lead
    ensure
      # An interrupt, a kill among them, which is no exception: the others must not wait for this caller.
      leave(ticket) if news.nil?
    end

    def leave(ticket)
      @lock.synchronize { @waiting.delete(ticket) }
      pass_on if ticket.leads
    end

    def lead(ticket)
      group = []
      @database.gate.use do
        write(ticket, group)
        replicate(group)
        answer(group, but: ticket)
        checkpoint(group)
      end
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, nobody may wait for ever
      abandon(group, e, but: ticket)
      raise
    ensure
      pass_on
    end

    # Answers those who were taken, if they were not yet. What became of their writes is not known; who sends again finds what is there.
    def abandon(group, error, but:)
      @lock.synchronize { @waiting.delete(but) }
      @connection&.roll_back
      left = group.reject { |ticket| ticket.equal?(but) || ticket.answered }
      left.each { |ticket| ticket.error ||= IoError.new("the commit ended with #{error.class}") }
      answer(left)
    end

    def pass_on
      @lock.synchronize do
        following = @waiting.first
        if following
          following.leads = true
          following.news.push(:lead)
        else
          @led = false
          @idle.broadcast
        end
      end
    end

    def answer(group, but: nil)
      group.each do |ticket|
        ticket.answered = true
        ticket.news.push(:answered) unless ticket.equal?(but) || ticket.news.nil?
      end
    end

    # Waits until the replica has the receipts. Those that it does not get are stored all the same, and what is sent again is a duplicate.
    def replicate(group)
      return if @replica.nil?

      stored = group.reject(&:error)
      @replica.wait(stored.last.queued_at) if stored.any?
    rescue NotReplicatedError => e
      stored.each { |ticket| ticket.error = DriverErrors.again(e) }
    end

    def checkpoint(group)
      return if @connection.nil? || group.empty?

      @database.checkpoints.committed(@connection, group.size, group.sum(&:size))
    end

    # Commits a group of those who wait, and fills in those who are to be answered.
    def write(ticket, group, reopened: false)
      begun = false
      begin
        begun = begin_for(ticket)
        return unless begun

        @connection.uninterrupted { perform_group(group) }
        @connection.exec("COMMIT") unless ticket.alone?
        # In the file that is gone it is nowhere.
        @database.refuse_former(@generation)
      rescue StandardError => e
        return undone(ticket, group, e, begun, reopened)
      end
      @database.changed.notify
    end

    # Nothing could be begun, or COMMIT failed: nobody's write is there.
    def undone(ticket, group, error, begun, reopened)
      # Opening waits for locks as well: who has waited meanwhile does not wait again.
      group.concat(take_all) if group.empty?
      @connection&.roll_back
      known = DriverErrors.translate(error)
      if known.is_a?(ReadOnlyError) && !reopened
        # Perhaps only the connection is: it came up so, and the file has been put right since.
        disconnect
        put_back(group)
        return write(ticket, group, reopened: true)
      end
      group.each { |one| one.error ||= known ? DriverErrors.again(known) : error }
      @database.doubt(known) if known && begun
      disconnect if known.is_a?(ReadOnlyError) || known.is_a?(FileReplacedError)
    end

    def take_all = @lock.synchronize { @waiting.slice!(0..) }

    def put_back(group)
      group.each(&:reset)
      @lock.synchronize { @waiting.unshift(*group.slice!(0..)) }
    end

    # The writing connection, to the file that is at the path now, and in a state to be trusted.
    def connected
      @database.refuse_replaced
      disconnect if @generation != @database.generation
      if @connection.nil?
        @connection = @database.open
        @generation = @database.generation
      end
      @database.checkpoints.require_sound(@connection)
      @connection
    end

    # Begins a transaction; false where it could not be had in the time of who leads. Those whose time runs out are answered here, and the next
    # one that leads waits for what is left of its own: nobody waits longer because others have waited before.
    def begin_for(ticket)
      patience_s = @database.busy_timeout_s
      connection = connected
      connection.patience_s = [0.001, ticket.queued_at + patience_s - Clock.monotonic].max
      connection.exec("BEGIN IMMEDIATE") unless ticket.alone?
      true
    rescue SQLite3::BusyException => e
      give_up(DriverErrors.translate(e), Clock.monotonic - patience_s + SLACK_S)
      false
    end

    # Answers those who have waited since that time.
    def give_up(error, overdue_at)
      expired = @lock.synchronize do
        found, @waiting = @waiting.partition { |ticket| ticket.queued_at <= overdue_at }
        found
      end
      expired.each { |ticket| ticket.error = DriverErrors.again(error) }
      answer(expired)
    end

    # Runs those who wait, and who is queued meanwhile, until the group is full.
    def perform_group(group)
      size = 0
      while group.size < MOST_CALLS && (ticket = take(group.empty? ? nil : MOST_BYTES - size))
        size += ticket.size
        group << ticket
        perform(ticket, group)
        break if ticket.alone?
      end
    end

    def take(room)
      @lock.synchronize { @waiting.shift unless @waiting.empty? || (room && @waiting.first.size > room) }
    end

    def perform(ticket, group)
      ticket.result = @connection.call(ticket.function, *ticket.arguments)
    rescue SQLite3::Exception => e
      known = ticket.error = DriverErrors.translate(e)
      # It is not the call's own: what the disk has of this transaction is not known, or the connection never writes.
      raise if known.is_a?(IoError) || known.is_a?(ReadOnlyError)
      return if ticket.alone? || @connection.transaction?

      # A full disk ends the whole transaction: what was done before in it is gone as well.
      group.each { |earlier| earlier.error ||= DriverErrors.again(known) }
      @connection.exec("BEGIN IMMEDIATE")
    end
  end
end
