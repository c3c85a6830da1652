"""Django for Anymail's views: they take requests of Django and nothing else of it."""

from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory

from case import Request

settings.configure(ALLOWED_HOSTS=["*"])


def django_request(request: Request) -> HttpRequest:
    """The request as Django hands it to a view."""
    return RequestFactory().generic(
        request.method, request.url, request.body, content_type=request.header("Content-Type"), headers=dict(request.headers)
    )
