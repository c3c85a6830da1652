"""A Django project in one file, with the hooks in its WSGI application and the library on its own connections."""

from __future__ import annotations

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

import knocker.django

settings.configure(
    DEBUG=True,
    SECRET_KEY="test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    WSGI_APPLICATION=f"{__name__}.application",
    INSTALLED_APPS=["knocker.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["APP_DB"], "OPTIONS": knocker.django.options()}},
)


def index(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT knocker_version(), (SELECT count(*) FROM knocker_deliveries)")
        version, deliveries = cursor.fetchone()
    return HttpResponse(f"the app itself, {version}, {deliveries} deliveries")


urlpatterns = [path("", index)]

if __name__ == "__main__":
    from app_hooks import hooks

    application = hooks.wsgi("/webhooks", otherwise=get_wsgi_application())
    execute_from_command_line(sys.argv)
