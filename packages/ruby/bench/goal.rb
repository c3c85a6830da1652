# frozen_string_literal: true

# What is asked for: so many times by hand; or, where that is more than the library itself does here, a part of what it does alone.
#
# @!attribute least
#   @return [Float] that part
# @!attribute floor
#   @return [Float] what the library does alone, with no package around it
# @!attribute server
#   @return [String, nil] what else is part of that floor
Goal = Struct.new(:what, :times, :floor, :least, :server, keyword_init: true) do
  # @return [Array(String, Boolean), nil] what to say of it, and whether it was missed; nil where it was met as it stands
  def verdict(ours, hand, ratio)
    return if times.nil?

    wanted = times * hand
    return [against_floor(wanted, ours), ours / floor < least] if wanted > floor

    [format("%<what>s: %<ratio>.2f times by hand, goal %<times>.2f", what: what, ratio: ratio, times: times), true] if ratio < times
  end

  private

  def against_floor(wanted, ours)
    format("%<what>s: %<times>.2f times by hand are %<wanted>.0f a second, more than the %<floor>.0f that %<alone>s here, with no " \
           "package around it; Knocker does %<part>.2f of these, goal %<least>.1f",
           what: what, times: times, wanted: wanted, floor: floor, part: ours / floor, least: least,
           alone: server ? "#{server} and the library do" : "the library does alone")
  end
end

# The verdicts on rows: what was missed, and what was met of the floor instead of by hand.
class Verdicts
  def initialize
    @told = []
    @missed = []
  end

  def judge(goal, figures)
    words, missed = goal.verdict(*figures)
    (missed ? @missed : @told) << words if words
  end

  def print
    @told.each { |words| puts "against the floor: #{words}" }
    @missed.each { |words| puts "below the goal: #{words}" }
  end
end
