"""Receive webhooks durably in apps that run on SQLite.

hooks = knocker.open("app.db")
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])

@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    tx.execute("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [event.json()["data"]["object"]["id"]])

app.mount("/webhooks", hooks.asgi())
hooks.run_worker()
"""

from knocker import errors, filters, records, settings
from knocker.contract import VERSION
from knocker.decision import Dead, Decision, Ignore, Retry
from knocker.endpoint import Endpoint
from knocker.errors import *  # noqa: F403 - generated, as are the records: what they name is public
from knocker.event import Event, EventDelivery
from knocker.filters import *  # noqa: F403
from knocker.hooks import Hooks
from knocker.leases import Job, Leases
from knocker.library import load, loadable_path
from knocker.opening import open_hooks as open
from knocker.records import *  # noqa: F403
from knocker.request import Headers, WebhookRequest
from knocker.settings import *  # noqa: F403
from knocker.tenants.opening import open_many
from knocker.tenants.tenants import Tenants
from knocker.tenants.worker import TenantsWorker
from knocker.worker import Worker

__version__ = VERSION

__all__ = [
    "Dead",
    "Decision",
    "Endpoint",
    "Event",
    "EventDelivery",
    "Headers",
    "Hooks",
    "Ignore",
    "Job",
    "Leases",
    "Retry",
    "Tenants",
    "TenantsWorker",
    "WebhookRequest",
    "Worker",
    "load",
    "loadable_path",
    "open",
    "open_many",
]
__all__ += errors.__all__
__all__ += filters.__all__
__all__ += records.__all__
__all__ += settings.__all__
