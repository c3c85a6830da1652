# frozen_string_literal: true

# Receives a second, called from threads.
class Receives
  # Callers, receives in a round, and the least ratio to writing by hand.
  RUNS = [[1, 600, 0.8], [5, 1500, 0.9], [16, 2000, 1.7], [64, 3000, 3.0]].freeze
  ROUNDS = 5

  def initialize(folder)
    @folder = folder
  end

  # @return [Array<String>] goals that were missed
  def run
    puts format("\n%-26s%10s%10s%10s", "receives/s", "Knocker", "by hand", "ratio")
    requests = Array.new(RUNS.map { |_, total, _| total }.max) { |number| Requests.request(number) }
    RUNS.filter_map do |callers, total, goal|
      round = 0
      ours, theirs, ratio = Requests.compare(ROUNDS) { [knocker(callers, total, requests, round += 1), by_hand(callers, total, requests, round)] }
      puts format("%-26s%10.0f%10.0f%9.2fx", "#{callers} callers", ours, theirs, ratio)
      format("%<callers>d callers: %<ratio>.2f times by hand, goal %<goal>.1f", callers: callers, ratio: ratio, goal: goal) if ratio < goal
    end
  end

  private

  def knocker(callers, total, requests, round)
    hooks, endpoint = Requests.open_hooks(File.join(@folder, "receives-#{callers}-#{round}.db"))
    Requests.rate(callers, total) { |number| endpoint.receive(requests[number]) }
  ensure
    hooks.close
  end

  def by_hand(callers, total, requests, round)
    hand = ByHand.new(File.join(@folder, "by-hand-#{callers}-#{round}.db"))
    few = [total, 1500].min
    Requests.rate(callers, few) { |number| hand.store(number.to_s, requests[number].headers, requests[number].body) }
  end
end
