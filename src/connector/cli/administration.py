"""The commands for tenants, for what they register, and for one-time tokens."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration
from connector.bootstrap.start import DEFAULT_TENANT
from connector.cli.command import command
from connector.cli.command import lifetime as lifetime_option
from connector.cli.output import Row
from connector.domain import pairing
from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.pairing import timestamp
from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSON, JSONError, read_text
from connector.domain.tokens import OneTimeToken, read_terms
from connector.ports.tokens import TokenFilter
from connector.usecases import registration, tenants
from connector.usecases.realms import Installation, Realm

NameOrID = Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="Its name or its id.")]
TenantID = Annotated[str, typer.Option("--tenant", help="The tenant's external id.")]
LabelKey = Annotated[str, typer.Argument(metavar="KEY", help="The label's key.")]


@dataclass(frozen=True, slots=True)
class ApplicationOrRuntime:
    """The application or the runtime that a command is about."""

    entity: NameOrID
    runtime: Annotated[bool, typer.Option("--runtime", help="It is a runtime, not an application.")] = False

    @property
    def kind(self) -> EntityKind:
        """Its kind."""
        return EntityKind.RUNTIME if self.runtime else EntityKind.APPLICATION

    def found(self, realm: Realm) -> Entity:
        """Its record.

        Raises:
            ObjectNotFound: the tenant has none of that name or id.
        """
        return registration.named_or_identified(realm, self.kind, self.entity)


@dataclass(frozen=True, slots=True)
class Label:
    """A label to set."""

    key: LabelKey
    value: Annotated[str, typer.Argument(help="A text; or JSON, with --json-value.")]
    json_value: Annotated[bool, typer.Option("--json-value", help="The value is JSON, not a text.")] = False

    @property
    def content(self) -> JSON:
        """Its value.

        Raises:
            InvalidData: it should be JSON, and is not.
        """
        try:
            return read_text(self.value) if self.json_value else self.value
        except JSONError as error:
            raise InvalidData(f"The value is not JSON: {error}. Leave out --json-value for a text.") from error


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed of an entity."""

    name: Annotated[str | None, typer.Option(help="Its new name.")] = None
    description: Annotated[str | None, typer.Option(help="What it is, for people.")] = None


_WORDS = {
    EntityKind.APPLICATION: "application",
    EntityKind.RUNTIME: "runtime",
    EntityKind.INTEGRATION_SYSTEM: "integration system",
}

tenant = typer.Typer(help="Tenants: parties that cannot see each other.", no_args_is_help=True)


@command(tenant, "create", writes=True)
def create_tenant(
    _: Administration,
    installation: Installation,
    external_id: Annotated[str, typer.Argument(help="What the Tenant header will name.")],
    name: Annotated[str | None, typer.Option(help="A name to show; the external id if none is given.")] = None,
) -> Row:
    """Create a tenant."""
    return _tenant(tenants.create_tenant(installation, external_id, name or external_id))


@command(tenant, "list", nothing="There are no tenants.")
def list_tenants(_: Administration, installation: Installation) -> list[Row]:
    """List the tenants."""
    return [_tenant(each) for each in installation.tenants.list()]


@dataclass(frozen=True, slots=True)
class TenantChanges:
    """What is to be changed of a tenant."""

    name: Annotated[str | None, typer.Option(help="Its new name. Its external id stays.")] = None
    profile: Annotated[
        str | None, typer.Option(help="The default certificate profile; an empty text for the installation's.")
    ] = None


@command(tenant, "update", writes=True)
def update_tenant(
    admin: Administration,
    installation: Installation,
    external_id: Annotated[str, typer.Argument(help="The tenant's external id.")],
    to: TenantChanges,
) -> Row:
    """Change a tenant's name or its default certificate profile."""
    if to.name is None and to.profile is None:
        raise InvalidData("Nothing to change. Give --name, --profile, or both.")
    realm = installation.enter(external_id)
    if to.name is not None:
        tenants.rename_tenant(realm, to.name)
    if to.profile is not None:
        profiles = admin.settings.profiles
        if profiles.named(to.profile or None) is None:
            raise InvalidData(f"There is no certificate profile of that name. Use {' or '.join(profiles.names)}.")
        # Entered again: it has another name by now.
        tenants.choose_profile(installation.enter(external_id), to.profile or None)
    return _tenant(installation.enter(external_id).tenant)


def entities(kind: EntityKind) -> typer.Typer:
    """The commands for applications or for runtimes, which are alike."""
    word = _WORDS[kind]
    title = word.capitalize()
    commands = typer.Typer(help=f"{title}s: register, list, show, update, label, unregister.", no_args_is_help=True)
    command(commands, "register", writes=True, help=f"Register the {word}, and print its record with its id.")(
        partial(_register, kind)
    )
    command(
        commands,
        "list",
        help=f"List the tenant's {word}s.",
        nothing=f"There are no {word}s. Register one: connector {word.replace(' ', '-')} register NAME",
    )(partial(_list, kind))
    command(commands, "show", help=f"Show the {word} and its system auths.")(partial(_show, kind))
    command(commands, "update", writes=True, help=f"Change the {word}'s name or description.")(partial(_update, kind))
    command(commands, "label", writes=True, help=f"Set a label of the {word}.")(partial(_set_label, kind))
    command(commands, "unlabel", writes=True, help=f"Delete a label of the {word}.")(partial(_delete_label, kind))
    command(
        commands,
        "unregister",
        writes=True,
        asks=f"Remove the {word} {{entity}} with its tokens, and revoke its certificates?",
        help=f"Remove the {word}, withdraw its tokens, revoke its certificates.",
    )(partial(_unregister, kind))
    return commands


def _register(
    kind: EntityKind,
    admin: Administration,
    installation: Installation,
    name: Annotated[str, typer.Argument(help="Its name, unique in the tenant.")],
    description: Annotated[str | None, typer.Option(help="What it is, for people.")] = None,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    particulars = {"name": name, "description": description}
    realm = installation.enter(tenant_id)
    return _entity(registration.register(realm, kind, particulars, allowances=admin.allowances))


def _list(
    kind: EntityKind, _: Administration, installation: Installation, tenant_id: TenantID = DEFAULT_TENANT
) -> list[Row]:
    return [_entity(entity) for entity in installation.enter(tenant_id).directory.entities(kind)]


def _show(
    kind: EntityKind,
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    realm = installation.enter(tenant_id)
    found = registration.named_or_identified(realm, kind, entity)
    auths = realm.directory.system_auths([found.id])
    return {**_entity(found), "labels": found.labels, "systemAuths": [auth.id for auth in auths]}


def _unregister(
    kind: EntityKind,
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    realm = installation.enter(tenant_id)
    found = registration.named_or_identified(realm, kind, entity)
    return _entity(registration.unregister(realm, kind, found.id))


def _set_label(
    kind: EntityKind,
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    label: Label,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    realm = installation.enter(tenant_id)
    found = registration.named_or_identified(realm, kind, entity)
    labeled = registration.set_label(realm, kind, found.id, key=label.key, value=label.content)
    return {"id": labeled.id, "name": labeled.name, "labels": labeled.labels}


def _delete_label(
    kind: EntityKind,
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    key: LabelKey,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    realm = installation.enter(tenant_id)
    found = registration.named_or_identified(realm, kind, entity)
    registration.delete_label(realm, kind, found.id, key)
    left = registration.registered(realm, kind, found.id)
    return {"id": left.id, "name": left.name, "labels": left.labels}


def _update(
    kind: EntityKind,
    _: Administration,
    installation: Installation,
    entity: NameOrID,
    to: Changes,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    changes = {name: value for name, value in asdict(to).items() if value is not None}
    if not changes:
        raise InvalidData("Nothing to change. Give --name, --description, or both.")
    realm = installation.enter(tenant_id)
    found = registration.named_or_identified(realm, kind, entity)
    return _entity(registration.update(realm, kind, found.id, changes))


token = typer.Typer(help="One-time tokens: mint, list, withdraw.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """What a token is good for, where it is good for less than others."""

    lifetime: Annotated[int | None, lifetime_option("How long it is valid.")] = None
    source: Annotated[str | None, typer.Option(metavar="CIDR", help="From where alone it may be redeemed.")] = None
    key: Annotated[
        str | None, typer.Option(metavar="SHA256", help="Of the SPKI of the one key that it gives a certificate for.")
    ] = None


@command(token, "mint", writes=True)
def mint_token(
    admin: Administration,
    installation: Installation,
    meant: ApplicationOrRuntime,
    limits: TokenLimits,
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    """Mint a token, and print the pairing string to hand over. It is shown this once."""
    realm = installation.enter(tenant_id)
    minted = registration.hand_over(
        realm,
        meant.kind,
        meant.found(realm).id,
        terms=read_terms(limits.source, limits.key, limits.lifetime),
        policy=admin.settings.token_policy,
        allowances=admin.allowances,
    )
    return {
        "id": minted.token.id,
        "systemAuth": minted.token.system_auth_id,
        "expiresAt": timestamp(minted.token.expires_at),
        "pairing": pairing.encode(pairing.raw(minted.secret, minted.token, admin.links)),
    }


@command(token, "list", nothing="There are no tokens. Mint one: connector token mint NAME")
def list_tokens(_: Administration, installation: Installation, tenant_id: TenantID = DEFAULT_TENANT) -> list[Row]:
    """List the tenant's tokens by their public ids; the secrets are not kept."""
    realm = installation.enter(tenant_id)
    found = realm.tokens.list(TokenFilter())
    names = realm.directory.names({each.owner_id for each in found})
    return [{"id": each.id, "name": names.get(each.owner_id), **_token(each, realm)} for each in found]


@command(token, "withdraw", writes=True)
def withdraw_token(
    _: Administration,
    installation: Installation,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's public id.")],
    tenant_id: TenantID = DEFAULT_TENANT,
) -> Row:
    """Withdraw a token that was not yet redeemed."""
    realm = installation.enter(tenant_id)
    return _token(registration.withdraw_token(realm, token_id), realm)


def _tenant(tenant: Tenant) -> Row:
    return {
        "id": tenant.id,
        "externalID": tenant.external_id,
        "name": tenant.name,
        "certificateProfile": tenant.profile,
    }


def _entity(entity: Entity) -> Row:
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "createdAt": timestamp(entity.created_at),
    }


def _token(token: OneTimeToken, realm: Realm) -> Row:
    return {
        "id": token.id,
        "type": token.type.value,
        "systemAuth": token.system_auth_id,
        "state": token.state(now=realm.now).value,
        "expiresAt": timestamp(token.expires_at),
        "mintedBy": token.minted_by,
    }
