"""The external system's side, for programs: from a pairing string to a certificate, and everything after that.

It needs nothing of the server, so that it installs alone.

    from connector.client import Client, make_key, pair

    paired = pair(text)                                            # whom to trust; nothing was sent yet
    with Client(root=paired.root, token=paired.pairing.token) as client:
        enrolled = client.enroll(paired.pairing.connector_url, make_key(), idempotency_key)
    # keep enrolled.key and enrolled.chain in files, and from now on:
    with Client(root=paired.root, identity=(chain, key)) as client:
        standing = client.standing(enrolled.configuration.connector_url)          # and when to renew
        renewed = client.renew(standing.connector_url, make_key(), another_idempotency_key)

:class:`AsyncClient` is the same in coroutines. A request with an ``idempotency_key`` whose reply was lost is sent again
as it was, key, CSR and all, with :meth:`Client.sign`. A refusal of the server is raised as :class:`Refused`, with the
server's code. The command ``connector-agent`` does all of this; :mod:`connector.client.following` follows its files.
"""

from connector.client.calls import Configuration, Enrolled, Renewal
from connector.client.clients import AsyncClient, Client
from connector.client.errors import Refused, Untrusted
from connector.client.keys import KINDS, PrivateKey, make_csr, make_key, prove
from connector.client.trust import Paired, fetch_root, fetch_root_async, pair, pair_async
from connector.domain.pairing import Pairing, parse

__all__ = [
    "KINDS",
    "AsyncClient",
    "Client",
    "Configuration",
    "Enrolled",
    "Paired",
    "Pairing",
    "PrivateKey",
    "Refused",
    "Renewal",
    "Untrusted",
    "fetch_root",
    "fetch_root_async",
    "make_csr",
    "make_key",
    "pair",
    "pair_async",
    "parse",
    "prove",
]
