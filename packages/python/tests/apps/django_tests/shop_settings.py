"""Settings of a Django project whose tests run against files."""

from __future__ import annotations

import os

import knocker.django

SECRET_KEY = "test"
USE_TZ = True
INSTALLED_APPS = ["knocker.django", "shop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["APP_DB"],
        "OPTIONS": knocker.django.options(),
        "TEST": {"NAME": os.environ["APP_DB"] + ".test"},
    }
}
