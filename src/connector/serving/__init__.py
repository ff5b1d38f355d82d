"""Sockets, TLS and the limits of connections. It is given ASGI applications and knows nothing of what they do.

``bind`` each listener; make the applications, now that the addresses are known; ``load`` a ``ServerCertificate`` into
the ``ServerContext``s; ``serve`` the ``Listener``s on uvloop, with ``keep_fresh`` as a background task. Where several
processes are to serve, ``work`` is given what each of them does.

Behind TLS, ``scope["extensions"]["tls"]["client_cert"]`` is the DER of the client's verified certificate, or None.
Until ``scope["extensions"]["credential"]["good"]()`` is called, the connection is a stranger's, and closed first when
memory is short.
"""

from connector.serving.certificates import Files, KeyPair, OwnCA, ServerCertificate, ServerCertificateError
from connector.serving.listeners import BoundListener, Listener, ListenerError, bind
from connector.serving.loads import Load, Loads
from connector.serving.memory import Memory, share_arenas
from connector.serving.protocol import Limits
from connector.serving.run import serve
from connector.serving.tls import ServerContext
from connector.serving.workers import Worker, WorkersError, work

__all__ = [
    "BoundListener",
    "Files",
    "KeyPair",
    "Limits",
    "Listener",
    "ListenerError",
    "Load",
    "Loads",
    "Memory",
    "OwnCA",
    "ServerCertificate",
    "ServerCertificateError",
    "ServerContext",
    "Worker",
    "WorkersError",
    "bind",
    "serve",
    "share_arenas",
    "work",
]
