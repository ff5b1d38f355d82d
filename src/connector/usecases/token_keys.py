"""The keys of identity tokens: published, and taken out of use."""

from connector.domain.audit import Action
from connector.domain.identity_tokens import KEPT, TokenKey
from connector.domain.refusals.objects import ObjectNotFound
from connector.usecases.realms import Installation


def publish_token_key(installation: Installation, id: str, spki: bytes) -> TokenKey:
    """Publish the public part of a new key. Keys that ended long ago are forgotten; those that were removed are not, or
    a replica that still has one would publish it again.
    """
    key = TokenKey(id, spki, installation.now)
    installation.token_keys.forget(installation.now - KEPT)
    installation.token_keys.add(key)
    installation.record(Action.TOKEN_KEY_PUBLISHED, tenant=None, reason=id)
    return key


def remove_token_key(installation: Installation, id: str) -> TokenKey:
    """Take a key out of use for good: no token of it is accepted any more by whoever fetches the keys from now on.

    Raises:
        ObjectNotFound: there is none of this id.
    """
    if installation.token_keys.remove(id, now=installation.now):
        installation.record(Action.TOKEN_KEY_REMOVED, tenant=None, reason=id)
    key = next((key for key in installation.token_keys.list() if key.id == id), None)
    if key is None:
        raise ObjectNotFound
    return key
