"""Flask with the hooks beside it."""

from __future__ import annotations

from flask import Flask

from app_hooks import hooks

app = Flask(__name__)
app.wsgi_app = hooks.wsgi("/webhooks", otherwise=app.wsgi_app)  # type: ignore[method-assign]


@app.get("/")
def index() -> str:
    return "the app itself"
