"""The standard HTTP interfaces of Python: ASGI and WSGI. Nothing of a framework is imported."""
