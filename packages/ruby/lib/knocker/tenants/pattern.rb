# frozen_string_literal: true

module Knocker
  class Tenants
    # Where the files of tenants are: a path with one `*`, which stands for the tenant's name.
    # @api private
    class Pattern
      # What SQLite keeps beside a file.
      BESIDE = /-(?:wal|shm|journal)\z/n
      # A name of these, or with any of that, leads elsewhere or nowhere.
      NO_NAME = %r{\A(?:\.|\z)|[/\\:[:cntrl:]]}
      # The `*` in the last part, or in the one before.
      FORM = %r{\A(?<folder>(?:[^*]*/)?)(?<before>[^*/]*)\*(?<after>[^*/]*)(?<rest>(?:/[^*/]+)?)\z}
      private_constant :BESIDE, :NO_NAME, :FORM

      # @param given [String, Pathname] `tenants/*.db` or `tenants/*/app.db`
      def initialize(given)
        path = Opening.path(given)
        form = FORM.match(path)
        unless form && FORM.match?(given.to_s) && !path.b.match?(BESIDE)
          raise UsageError, "the files of tenants are named by a path with one *, in its last part or the one before, not by #{given.to_s.inspect}"
        end

        @path = path
        @folder, @before, @after, @rest = form.values_at(:folder, :before, :after, :rest)
      end

      # @return [String] the absolute path with its `*`
      def to_s = @path

      # @return [String] the absolute path of a tenant's file, whether it is there or not
      # @raise [UnknownTenantError] where it cannot be a tenant's name
      def path(name)
        raise Pattern.unknown(name) unless name?(name)

        "#{@folder}#{@before}#{name}#{@after}#{@rest}"
      end

      # @return [String, nil] the name of the tenant whose file is at the absolute path
      def name(path)
        return nil unless path.start_with?(@folder) && path.end_with?(@rest)

        part = path[@folder.size, path.size - @folder.size - @rest.size]
        return nil unless part && part.size > @before.size + @after.size && part.start_with?(@before) && part.end_with?(@after)

        name = part[@before.size, part.size - @before.size - @after.size]
        name if name?(name)
      end

      # @return [Array<String>] the names of those whose files are there
      def names
        found = Dir.children(@folder, encoding: Encoding::UTF_8).filter_map { |part| name("#{@folder}#{part}#{@rest}") if part.valid_encoding? }
        found.select { |name| Pattern.file?(path(name)) }.sort
      rescue SystemCallError
        []
      end

      # Makes an empty file, with its folder.
      # @raise [UsageError] where it is there already
      def create(name)
        path = path(name)
        Dir.mkdir(File.dirname(path)) unless @rest.empty? || File.directory?(File.dirname(path))
        File.open(path, File::WRONLY | File::CREAT | File::EXCL, &:itself)
      rescue Errno::EEXIST
        raise UsageError, "tenant #{name.inspect} is there already: #{path}"
      rescue SystemCallError => e
        raise UsageError, "tenant #{name.inspect} cannot be made: #{e.message}"
      end

      # @return [Boolean] whether a file is there; a link is none, since SQLite keeps the log beside what it leads to
      def self.file?(path)
        File.lstat(path).file?
      # It is no file, nor could it be one.
      rescue SystemCallError
        false
      end

      # @return [UnknownTenantError]
      def self.unknown(name) = UnknownTenantError.new("there is no tenant #{name.to_s.scrub[0, LONGEST_SHOWN].inspect}")

      LONGEST_SHOWN = 100
      private_constant :LONGEST_SHOWN

      private

      def name?(name)
        return false unless name.is_a?(String) && (name.ascii_only? || name.encoding == Encoding::UTF_8) && name.valid_encoding?

        !name.match?(NO_NAME) && !"#{name}#{@after}#{@rest}".b.match?(BESIDE)
      end
    end
  end
end
