"""Looking into the shop's file and acting on it: ``python operate.py``."""

from datetime import datetime, timedelta, timezone

import knocker
from shop import hooks

for event in hooks.events(status="dead", newest_first=True):
    print(event.id, event.endpoint, event.type, event.reason)
    for attempt in hooks.attempts(event_id=event.id):
        print("   ", attempt.finished_at, attempt.result, attempt.error)

# After the bug is fixed: every dead push of the last day goes back into the queue.
yesterday = datetime.now(timezone.utc) - timedelta(days=1)
print(hooks.requeue_where(status="dead", endpoint="github", type="push", since=yesterday).changed, "requeued")

try:
    hooks.replay(1)
except knocker.BadStateError as error:
    print(error.code, "-", error.hint)
except knocker.UnknownEventError:
    print("there is no event 1 yet")

# Keep handled events for 30 days, refused and repeated deliveries for 7. Workers run the passes.
hooks.retention(handled_s=timedelta(days=30), deliveries_s=timedelta(days=7))

stats = hooks.stats()
print(stats.events.received + stats.events.failed, "waiting,", stats.events.dead, "dead")
