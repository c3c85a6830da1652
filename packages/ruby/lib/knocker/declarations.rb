# frozen_string_literal: true

require "json"

module Knocker
  # What is told of an endpoint when it is declared: settings of another process that it replaces, and handlers that nothing can arrive for.
  module Declarations
    SETTINGS = EndpointSettings::KEYS.keys.map(&:to_s).freeze

    module_function

    # @return [Array, nil] the stored settings, in the order of SETTINGS
    def stored(connection, name)
      connection.rows("SELECT #{SETTINGS.join(", ")} FROM knocker_endpoints WHERE name = ?", [name]).first
    end

    # Logs what a declaration has changed of settings that were stored: of two processes with other settings for one endpoint, the last one to
    # start has its way.
    def tell_of_changes(logger, name, before, after)
      return if before.nil? || logger.nil?

      changed = SETTINGS.each_index.filter_map do |at|
        next if before[at] == after[at]

        # Options may hold a token.
        SETTINGS[at] == "options" ? "options" : "#{SETTINGS[at]} was #{before[at].inspect} and is #{after[at].inspect}"
      end
      return if changed.empty?

      Log.write(logger, :warn, "endpoint_changed", "endpoint #{name} is declared with other settings than those stored, perhaps by a process of " \
                                                   "another version: #{changed.join(", ")}",
                endpoint: name, settings: changed.map { |one| one[/\A\w+/] })
    end

    # Says every setting but `enabled`: the core keeps what is not named, and so it does with the parts of the backoff.
    # @return [String]
    def config(settings)
      # `secrets` is none of the settings, among which the near ones are looked for.
      raise UsageError, "settings: there is no secret, did you mean secrets?" if settings.key?(:secret)

      given = settings.dup
      given.delete(:enabled) if given[:enabled].nil?
      if given[:backoff].respond_to?(:to_h)
        given[:backoff] = BackoffSettings::KEYS.to_h { |key, _| [key, nil] }.merge(given[:backoff].to_h.transform_keys(&:to_sym))
      end
      everything = EndpointSettings::KEYS.keys.to_h { |key| [key, nil] }.except(:enabled)
      Arguments.json("settings", EndpointSettings, everything.merge(given))
    end
  end

  # What the provider of one endpoint can send, where every type is known.
  class Sendable
    # @param title [String] the provider's name for people
    # @param types [Array<String>]
    def initialize(title, types)
      @title = title
      @types = types
    end

    # @return [Sendable, nil] nil where not every type is known, or no provider verifies
    def self.by(connection, endpoint)
      found = connection.rows(<<~SQL, [endpoint]).first
        SELECT provider.title, provider.types
        FROM knocker_endpoints endpoint JOIN knocker_providers provider ON provider.name = endpoint.provider
        WHERE endpoint.name = ? AND provider.types_closed
      SQL
      found && new(found[0], JSON.parse(found[1]))
    end

    # Logs that nothing of this pattern arrives, with the nearest type.
    def check(logger, endpoint, pattern)
      return if pattern == "*" || @types.any? { |type| Handlers.match?(pattern, type) }

      Log.write(logger, :warn, "type_unknown", "endpoint #{endpoint}: #{@title} sends nothing of the type #{pattern.inspect} that is known here, " \
                                               "so this handler may never run; #{hint(pattern.delete_suffix(".*"))}",
                endpoint: endpoint, type: pattern)
    end

    private

    def hint(given)
      return 'its events have no type: on("*")' if @types.empty?

      # "pull_request.opened" where the type is "pull_request".
      near = @types.select { |type| given.start_with?("#{type}.") }.max_by(&:size) || nearest(given)
      near ? "did you mean #{near.inspect}?" : "`knocker providers` has the types"
    end

    def nearest(given) = DidYouMean::SpellChecker.new(dictionary: @types).correct(given).first
  end
end
