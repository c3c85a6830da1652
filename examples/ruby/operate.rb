# frozen_string_literal: true

# Looking into the shop's file and acting on it: `ruby operate.rb`.

require_relative "shop"

HOOKS.events(status: :dead, newest_first: true).each do |event|
  puts [event.id, event.endpoint, event.type, event.reason].join(" ")
  HOOKS.attempts(event_id: event.id).each { |attempt| puts "    #{attempt.finished_at} #{attempt.result} #{attempt.error}" }
end

# After the bug is fixed: every dead push of the last day goes back into the queue.
yesterday = Time.now - (24 * 60 * 60)
puts "#{HOOKS.requeue_where(status: :dead, endpoint: "github", type: "push", since: yesterday).changed} requeued"

begin
  HOOKS.replay(1)
rescue Knocker::BadStateError => e
  puts "#{e.code} - #{e.hint}"
rescue Knocker::UnknownEventError
  puts "there is no event 1 yet"
end

# Keep handled events for 30 days, refused and repeated deliveries for 7. Workers run the passes.
HOOKS.retention(handled_s: 30 * 86_400, deliveries_s: 7 * 86_400)

stats = HOOKS.stats
puts "#{stats.events.received + stats.events.failed} waiting, #{stats.events.dead} dead"
