# frozen_string_literal: true

module Knocker
  module Http
    # The target of a request line, path and query, byte for byte as it was sent: some providers sign it.
    module Target
      # What RFC 3986 lets stand in a path as it is: a sender escapes none of it, so neither must who puts the path together again.
      ESCAPED = %r{[^A-Za-z0-9\-._~/:@!$&'()*+,;=%]}n
      private_constant :ESCAPED

      module_function

      # Path and query as they were sent where the server tells (puma and unicorn do), else put together again.
      # @return [String]
      def of(env)
        raw = env["REQUEST_URI"].to_s.b
        return origin_form(raw) if raw.start_with?("/") || raw.match?(%r{\Ahttps?://}i)

        path = (env["SCRIPT_NAME"].to_s.b + env["PATH_INFO"].to_s.b).gsub(ESCAPED) { |byte| format("%%%02X", byte.ord) }
        path = "/" if path.empty?
        query = env["QUERY_STRING"].to_s.b
        query.empty? ? path : "#{path}?#{query}"
      end

      # The name of the endpoint: the last part of the path. "/stripe", "/stripe/" and "/acme/stripe" name "stripe".
      #
      # Some servers unescape PATH_INFO and some don't; in the path as it was sent an escaped slash parts nothing.
      # @return [String]
      def endpoint_name(env, target) = part(env, target, 0)

      # The part of the path before that, inside of what is mounted: "/acme/stripe" is of "acme".
      # @return [String] empty where there is none
      def tenant_name(env, target) = part(env, target, 1)

      # Proxies may send the absolute form, with a scheme and a host before them.
      def origin_form(target)
        return target unless target.match?(%r{\Ahttps?://}i)

        rest = target.partition("//").last
        begins = rest.index(%r{[/?]})
        return "/" if begins.nil?

        rest[begins] == "/" ? rest[begins..] : "/#{rest[begins..]}"
      end

      # The part of the path that has so many behind it.
      def part(env, target, behind)
        inside = folder(env["PATH_INFO"].to_s.b, behind)
        sent = last_part(folder(target[0, target.index("?") || target.size], behind))
        unescaped = unescape(sent)
        # Where something in front has written the path anew, that counts.
        name = !inside.empty? && (inside.end_with?(sent) || inside.end_with?(unescaped)) ? unescaped : unescape(last_part(inside))
        name.force_encoding(Encoding::UTF_8)
      end

      # The path without so many parts at its end.
      def folder(path, behind)
        path = without_slashes_behind(path)
        behind.times { path = without_slashes_behind(path.rpartition("/").first) }
        path
      end

      def last_part(path)
        path = without_slashes_behind(path)
        path[((path.rindex("/") || -1) + 1)..]
      end

      # Looked for from the end: a pattern would look at a path of slashes once for each of them.
      def without_slashes_behind(path) = path.end_with?("/") ? path[0, (path.rindex(%r{[^/]}) || -1) + 1] : path

      def unescape(text) = text.include?("%") ? text.gsub(/%\h\h/n) { |escape| escape[1, 2].hex.chr } : text.dup
    end
  end
end
