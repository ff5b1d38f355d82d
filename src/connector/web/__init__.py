"""The HTTP APIs and the console: an ASGI application for each listener."""
