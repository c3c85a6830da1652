# frozen_string_literal: true

# Prints the public classes and methods of the Ruby package as Markdown: what YARD finds in the sources of what the signatures of the package (`sig/`) name.

require "set"
require "yard"

YARD::Logger.instance.level = YARD::Logger::ERROR
Dir.chdir(ARGV.fetch(0))
YARD::Registry.clear
YARD.parse(Dir["lib/**/*.rb"].sort)

# What the signatures name: classes and modules by their paths, methods as Class#name and Class.name.
def named
  Dir["sig/**/*.rbs"].flat_map do |file|
    inside = []
    File.readlines(file).flat_map do |line|
      inside.pop while inside.any? && line.strip != "" && line[/\A */].size <= inside.last[0]
      case line
      when /\A( *)(?:class|module) ([\w:]+)/
        inside.push([$1.size, $2])
        [inside.map(&:last).join("::")]
      when /\A *(?:def|attr_reader|attr_accessor) (self\.)?([\w?!\[\]=]+):/
        ["#{inside.map(&:last).join("::")}#{$1 ? "." : "#"}#{$2}"]
      else []
      end
    end
  end.to_set
end

NAMED = named

# References as names: {Endpoint#ingest} is `Endpoint#ingest`, and {place words} are the words.
def prose(text)
  shown = text.to_s.gsub(/\{([A-Z:][\w:#.?!]*)\}/) { "`#{$1}`" }.gsub(/\{[A-Z:][\w:#.?!]* ([^}]+)\}/) { $1 }.gsub(/\{([a-z]\w*[?!]?)\}/) { "`#{$1}`" }
  code = false
  above = ""
  lines = shown.lines(chomp: true).flat_map do |line|
    inside = (line.start_with?("  ") && (code || above.empty?)) || (line.empty? && code)
    above = line
    mark = inside == code ? [] : ["```#{"ruby" if inside}", *(inside ? [] : [""])]
    code = inside
    [*mark, inside ? line.delete_prefix("  ") : line]
  end
  (code ? [*lines, "```"] : lines).join("\n").gsub(/\n+```\n\n/, "\n```\n\n").strip
end

def secret?(object)
  object.has_tag?(:api) && object.tag(:api).text == "private"
end

# What is private in a class or a module around it is private too.
def shown?(object)
  return false if secret?(object) || (object.respond_to?(:visibility) && object.visibility != :public)

  namespace = object.namespace
  namespace.nil? || namespace.root? || shown?(namespace)
end

def types(tag)
  tag.types ? "`#{tag.types.join(", ")}`" : ""
end

def tags(object)
  lines = object.tags(:param).map { |tag| "- `#{tag.name}` #{types(tag)} #{prose(tag.text)}" }
  lines += object.tags(:option).map { |tag| "- `#{tag.name}: #{tag.pair.name}` #{types(tag.pair)} #{prose(tag.pair.text)}" }
  lines += object.tags(:yieldparam).map { |tag| "- the block gets `#{tag.name}` #{types(tag)} #{prose(tag.text)}" }
  lines += object.tags(:return).map { |tag| "- gives #{types(tag)} #{prose(tag.text)}" }
  lines += object.tags(:raise).map { |tag| "- raises #{types(tag)} #{prose(tag.text)}" }
  lines.map { |line| line.gsub(/\s+/, " ").strip }.join("\n")
end

def signature(method)
  arguments = method.parameters.map { |name, default| default && !name.end_with?(":") ? "#{name} = #{default}" : [name, default].compact.join(" ") }
  "```ruby\n#{"self." if method.scope == :class}#{method.name}#{"(#{arguments.join(", ")})" unless arguments.empty?}\n```"
end

def method_parts(method, owner)
  mark = method.scope == :class ? "." : "#"
  ["### #{owner.path.delete_prefix("Knocker::")}#{mark}#{method.name}", signature(method), prose(method.docstring), tags(method)]
end

# Also those of modules that have no section of their own because they are parts of this class.
def methods_of(object)
  object.meths(inherited: false, included: true).select do |method|
    mark = method.scope == :class ? "." : "#"
    shown?(method) && method.name != :read && NAMED.include?("#{method.namespace.path}#{mark}#{method.name}") && (!method.docstring.empty? || method.tags.any?)
  end
end

def section(object)
  attributes, methods = methods_of(object).partition(&:is_attribute?)
  above = object.type == :class && object.superclass && object.superclass.path != "Object" ? " < #{object.superclass.path.delete_prefix("Knocker::")}" : ""
  rows = attributes.map { |each| "- `#{each.name}` #{tags(each).gsub("- gives ", "")} #{prose(each.docstring)}".gsub(/\s+/, " ").strip }
  constants = object.constants(inherited: false, included: false).select { |each| shown?(each) && !each.docstring.empty? }
                    .map { |each| "- `#{each.name}` #{prose(each.docstring)}".gsub(/\s+/, " ").strip }
  ["## #{object.path.delete_prefix("Knocker::")}", "```ruby\n#{object.type} #{object.path}#{above}\n```", prose(object.docstring), (rows + constants).join("\n"),
   *methods.sort_by { |method| [method.scope == :class ? 0 : 1, method.name.to_s] }.flat_map { |method| method_parts(method, object) }]
end

PARTS = %w[Knocker::Reads Knocker::Operations Knocker::Contract].freeze
LAST = %w[settings filters records errors].freeze
TEXTS = "Generated from"

all = YARD::Registry.all(:class, :module).select do |object|
  generated = LAST.include?(object.file.to_s[%r{\Alib/knocker/(\w+)\.rb\z}, 1])
  object.path.start_with?("Knocker") && shown?(object) && !PARTS.include?(object.path) && (NAMED.include?(object.path) || generated)
end
order = lambda do |object|
  [object.path == "Knocker" ? 0 : 1, LAST.index(File.basename(object.file.to_s, ".rb")) || -1, object.path]
end
# Errors differ in their names and what they say alone.
errors, rest = all.partition { |object| object.type == :class && object.path.end_with?("Error") && object.superclass.path.start_with?("Knocker") }
rows = errors.sort_by(&:path).map do |each|
  "| `#{each.path.delete_prefix("Knocker::")}` | `#{each.superclass.path.delete_prefix("Knocker::")}` | #{prose(each.docstring).gsub(/\s+/, " ").gsub("|", "\\|")} |"
end
table = ["## Errors", ["| error | is a | meaning |", "|---|---|---|", *rows].join("\n")]
puts [*rest.sort_by(&order).flat_map { |object| section(object) }, *table].reject { |part| part.to_s.empty? || part.start_with?(TEXTS) }.join("\n\n")
