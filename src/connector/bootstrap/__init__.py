"""From settings to objects: the one package that knows every other."""

from connector.bootstrap.administration import Administration, NotReady, administration, make_password
from connector.bootstrap.server import serve
from connector.bootstrap.start import DEFAULT_TENANT

__all__ = ["DEFAULT_TENANT", "Administration", "NotReady", "administration", "make_password", "serve"]
