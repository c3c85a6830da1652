"""What the three apps of test_servers.py share."""

from __future__ import annotations

import os

import knocker

hooks = knocker.open(os.environ["APP_DB"], body_timeout_s=float(os.environ.get("BODY_TIMEOUT_S", "600")), busy_timeout_s=60)
hooks.endpoint("stripe", provider="stripe", secrets=["whsec_test"], max_body_bytes=4096)
hooks.endpoint("github", provider="github", secrets=["test-secret"], max_body_bytes=4096)
hooks.endpoint("large", provider="github", secrets=["test-secret"])
