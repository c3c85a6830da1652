"""FastAPI with the hooks mounted."""

from __future__ import annotations

from fastapi import FastAPI

from app_hooks import hooks

app = FastAPI()
app.mount("/webhooks", hooks.asgi())


@app.get("/")
def index() -> str:
    return "the app itself"
