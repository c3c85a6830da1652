"""The shop behind FastAPI: ``uvicorn fastapi_app:app``, and ``python -m knocker worker shop:hooks`` beside it."""

from fastapi import FastAPI

from shop import hooks

app = FastAPI()
app.mount("/webhooks", hooks.asgi())
app.mount("/metrics", hooks.metrics_asgi())


@app.get("/health")
def health() -> dict[str, int]:
    stats = hooks.stats()
    return {"waiting": stats.events.received + stats.events.failed, "dead": stats.events.dead}
