"""The ASGI applications: one for each listener."""
