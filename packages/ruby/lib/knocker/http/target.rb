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
        raw = (env["REQUEST_URI"] || "").to_s
        return origin_form(raw) if raw.start_with?("/") || raw.match?(%r{\Ahttps?://}i)

        path = "#{env["SCRIPT_NAME"]}#{env["PATH_INFO"]}".b.gsub(ESCAPED) { |byte| format("%%%02X", byte.ord) }
        path = "/" if path.empty?
        query = env["QUERY_STRING"].to_s
        query.empty? ? path : "#{path}?#{query}"
      end

      # The name of the endpoint: the last part of the path. "/stripe", "/stripe/" and "/acme/stripe" name "stripe".
      #
      # Some servers unescape PATH_INFO and some don't; in the path as it was sent an escaped slash parts nothing.
      # @return [String]
      def endpoint_name(env, target)
        path = env["PATH_INFO"].to_s
        sent = last_part(target.partition("?").first)
        unescaped = unescape(sent)
        inside = path.sub(%r{/+\z}, "").b
        # Where something in front has written the path anew, that counts.
        return unescaped if !path.delete("/").empty? && (inside.end_with?(sent.b) || inside.end_with?(unescaped.b))

        unescape(last_part(path))
      end

      # Proxies may send the absolute form, with a scheme and a host before them.
      def origin_form(target)
        return target unless target.match?(%r{\Ahttps?://}i)

        rest = target.partition("//").last
        begins = rest.index(%r{[/?]})
        return "/" if begins.nil?

        rest[begins] == "/" ? rest[begins..] : "/#{rest[begins..]}"
      end

      def last_part(path) = path.sub(%r{/+\z}, "").rpartition("/").last

      def unescape(text) = text.b.gsub(/%\h\h/n) { |escape| escape[1, 2].hex.chr }.force_encoding(Encoding::UTF_8)
    end
  end
end
