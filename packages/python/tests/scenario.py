"""The steps of the conformance scenarios, through this package's typed API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import knocker
from knocker.testing import sign
from matching import Json, compare, plain, raw_body
from operations import OPERATIONS, check_arguments


def request_of(given: Json, body: bytes) -> knocker.WebhookRequest:
    return knocker.WebhookRequest(body, **given)


class Scenario:
    """Runs steps through the typed API, and turns what comes back into the JSON that the data speaks of."""

    def __init__(self, hooks: knocker.Hooks, names: dict[str, Json]) -> None:
        self.hooks = hooks
        self.names = names
        self.secrets: list[str] = []
        self.operations: dict[str, Callable[..., Any]] = {
            "endpoint": self.endpoint,
            "receive": self.receive,
            "ingest": lambda endpoint, fields, **body: self.of(endpoint).ingest(raw_body(body), **{"valid": False, **fields}),
            "verify": self.verify,
            "sign": self.sign,
            "claim": lambda worker, limit, lease_s, filter=None: hooks.leases(worker).claim(limit, lease_s, **(filter or {})),
            "jobs": lambda worker: [self.job(job) for job in hooks.leases(worker).jobs()],
            "handled": lambda worker, **given: hooks.leases(worker).handled(**given),
            "failed": lambda worker, options=None, **given: hooks.leases(worker).failed(**given, **(options or {})),
            "skipped": lambda worker, **given: hooks.leases(worker).skipped(**given),
            "extend": lambda worker, **given: hooks.leases(worker).extend(**given),
            "release": lambda worker: hooks.leases(worker).release(),
            "next_due": self.next_due,
            **{op: getattr(hooks, op) for op in ("stats", "retain")},
            **{op: self.operation(op) for op in ("replay", "requeue", "replay_delivery", "ignore")},
            **{
                op: self.filtered(op, "filter")
                for op in ("replay_where", "requeue_where", "ignore_where", "prune_events", "prune_deliveries")
            },
            "retention": self.filtered("retention", "policy"),
            "select": self.select,
            "metrics": self.metrics,
        }
        assert set(self.operations) == set(OPERATIONS), "an operation of the contract that this package lacks, or one that it does not know"

    def step(self, step: Json) -> None:
        """Runs a step and compares what comes out with what it says."""
        wanted = step.get("expect_error")
        try:
            result, failed = self.perform(step), None
        except knocker.KnockerError as error:
            result, failed = str(error), error.code
        assert failed == wanted, f"expected {wanted or 'no error'}, got {failed or 'no error'}: {result}"
        if failed:
            return
        if "expect" in step:
            # What returns nothing in Python returns 1 in SQL.
            compare(self.resolve(step["expect"]), 1 if result is None and step["expect"] == 1 else result, "result")
        for saved, path in step.get("save", {}).items():
            value = result
            for part in filter(None, path.split(".")):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self.names[saved] = value

    def perform(self, step: Json) -> Json:
        """What the operation of a step gives."""
        check_arguments(step["op"], step.get("args", {}))
        arguments = {key: self.resolve(value) for key, value in step.get("args", {}).items()}
        try:
            return plain(self.operations[step["op"]](**arguments))
        except TypeError as error:
            # A keyword that Python itself refuses.
            raise knocker.InvalidArgumentError(str(error)) from error

    def resolve(self, value: Json) -> Json:
        if isinstance(value, str) and value.startswith("$"):
            return self.names[value[1:]]
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if isinstance(value, dict):
            return {key: self.resolve(one) for key, one in value.items()}
        return value

    def endpoint(self, name: str, config: Json) -> int:
        try:
            return self.hooks.update_endpoint(name, **config)
        except knocker.UnknownEndpointError:
            # Creating one is for code that declares all of its settings; the data names some.
            return int(self.hooks.database.call("knocker_endpoint", name, json.dumps(config)))

    def of(self, name: str) -> knocker.Endpoint:
        return self.hooks.endpoints.get(name) or self.hooks.existing_endpoint(name, secrets=lambda _: self.secrets)

    def receive(self, endpoint: str, request: Json, secrets: list[str], **body: str) -> knocker.Receipt:
        self.secrets = secrets
        return self.of(endpoint).receive(request_of(request, raw_body(body)))

    def verify(self, provider: str, options: Json, request: Json, secrets: list[str], **body: str) -> Any:
        arguments = (provider, json.dumps(options), request_of(request, raw_body(body)).to_json(), raw_body(body), json.dumps(secrets))
        return knocker.Verdict.read(json.loads(self.hooks.database.call("knocker_verify", *arguments)))

    def sign(self, provider: str, options: Json, request: Json, secret: str, **body: str) -> Any:
        unsigned = request_of({"method": "POST", "url": "/", **request}, raw_body(body))
        head: Json = {"headers": unsigned.headers, "method": unsigned.method, "url": unsigned.url}
        signed = sign(provider, unsigned.body, secret, options=options, now=self.hooks.database.now(), **head)
        # In SQL null stands for what was not replaced.
        return {
            "headers": dict(signed.headers),
            "url": None if signed.url == unsigned.url else signed.url,
            "body": None if signed.body == unsigned.body else signed.body,
        }

    def next_due(self, filter: Json = None) -> int | None:
        given = dict(filter or {})
        return self.hooks.leases(given.pop("worker", "nobody")).next_due_ms(**given)

    def operation(self, op: str) -> Callable[..., Any]:
        return lambda options=None, **given: getattr(self.hooks, op)(**given, **(options or {}))

    def filtered(self, op: str, argument: str) -> Callable[..., Any]:
        return lambda **given: getattr(self.hooks, op)(**given[argument])

    def links(self) -> list[knocker.EventDeliveryRecord]:
        return [link for event in self.hooks.events() for link in self.hooks.event_deliveries(event_id=event.id)]

    @staticmethod
    def job(job: knocker.Job) -> Json:
        event, delivery = job.event, job.event.delivery
        headers = {key: values[0] if len(values) == 1 else values for key in delivery.headers if (values := delivery.headers.get_all(key))}
        return {
            "job_id": job.id,
            "worker": job.worker,
            "event_id": event.id,
            "delivery_id": delivery.id,
            "endpoint": event.endpoint,
            "type": event.type,
            "key": event.key,
            "attempt": event.attempt,
            "max_attempts": event.max_attempts,
            "lease_expires_at": job.lease_expires_at,
            "received_at": event.received_at,
            "method": delivery.method,
            "url": delivery.url,
            "headers": headers,
            "body": event.body,
        }

    def metrics(self) -> dict[str, float]:
        """Each sample as it is written, with its number."""
        samples = (line.rsplit(" ", 1) for line in self.hooks.metrics().splitlines() if not line.startswith("#"))
        return {sample: float(number) for sample, number in samples}

    def select(self, view: str, where: Json = None) -> list[Json]:
        readers: dict[str, Callable[[], Any]] = {
            "events": lambda: self.hooks.events(with_body=True),
            "deliveries": lambda: self.hooks.deliveries(with_body=True),
            "attempts": self.hooks.attempts,
            "endpoints": self.hooks.stored_endpoints,
            "prunes": self.hooks.prunes,
            "policies": self.hooks.policies,
            "event_deliveries": lambda: self.links(),
        }
        rows = [plain(record) for record in readers[view]()]
        return [row for row in rows if all(row[column] == value for column, value in (where or {}).items())]
