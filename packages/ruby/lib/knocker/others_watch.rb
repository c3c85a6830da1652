# frozen_string_literal: true

module Knocker
  # How one thread of a worker, on its connection, notices that others write.
  # @api private
  class OthersWatch
    # @param own [OwnCommits] the worker's
    # @param version [#call] another number when another connection has committed something
    # @param here [#call] how many of the worker's commits were made on this connection
    def initialize(own, version:, here:)
      @own = own
      @version = version
      @here = here
      @quiet = false
    end

    # Whether others have written since the last call. Where the worker has, too, on another connection, nobody can tell.
    def written?
      ended = @own.ended
      version = @version.call
      begun = @own.begun
      elsewhere = begun - @here.call
      # Nothing of the worker was on its way at the last look, and nothing of it came since then.
      others = @quiet && version != @seen && elsewhere == @seen_elsewhere
      @seen = version
      @seen_elsewhere = elsewhere
      @quiet = ended == begun
      others
    end
  end
end
