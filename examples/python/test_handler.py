"""The smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name."""

import os
from pathlib import Path

import knocker
from knocker.testing import drain, sign

PUSH = Path(__file__).parent.parent / "payloads" / "github-push.json"


def test_an_event_is_received(tmp_path):
    with knocker.open(tmp_path / "app.db") as hooks:
        # region: handler
        endpoint = hooks.endpoint("github", provider="github", secrets=[os.environ["GITHUB_WEBHOOK_SECRET"]])

        @endpoint.on("push")
        def received(event, tx):
            tx.execute("INSERT INTO received (event, type) VALUES (?, ?)", [event.id, event.type])

        # endregion: handler
        with hooks.database.connection() as connection:
            connection.execute("CREATE TABLE received (event INTEGER PRIMARY KEY, type TEXT)")
        signed = sign("github", PUSH.read_bytes(), os.environ["GITHUB_WEBHOOK_SECRET"], headers={"X-GitHub-Event": "push"})
        endpoint.receive(signed)
        assert [attempt.status for attempt in drain(hooks)] == ["handled"]
        assert hooks.database.rows("SELECT type FROM received") == [("push",)]
