"""The shop behind Flask: ``gunicorn --threads 8 flask_app:app``, and ``python -m knocker worker shop:hooks`` beside it."""

from flask import Flask

from shop import hooks

app = Flask(__name__)
app.wsgi_app = hooks.wsgi("/webhooks", otherwise=app.wsgi_app)


@app.get("/health")
def health():
    stats = hooks.stats()
    return {"waiting": stats.events.received + stats.events.failed, "dead": stats.events.dead}
