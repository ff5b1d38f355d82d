"""The commands for administrators, on the server's own database; the server may be running."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from cryptography.hazmat.primitives.hashes import SHA256

from connector import bootstrap, pairing, registration
from connector.bootstrap import Administration
from connector.cli.output import Output, Row
from connector.directory import Entity, EntityKind, Tenant
from connector.errors import ObjectNotFound
from connector.inventory import Certificate, RevocationReason
from connector.pairing import timestamp
from connector.pki import chain
from connector.ports import CertificateFilter, TokenFilter, Transaction
from connector.revocation import revoke, withdraw
from connector.tokens import OneTimeToken

T = TypeVar("T")

ACTOR = "command"
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The server's directory: CONNECTOR_DATA_DIR, or connector-data, if not given."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The settings file: CONNECTOR_CONFIG, or the directory's connector.toml, if not given."
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TenantID = Annotated[str, typer.Option("--tenant", help="The tenant's external id.")]
Reason = Annotated[RevocationReason, typer.Option("--reason", help="Why, by the names of RFC 5280 5.3.1.")]

DEFAULT_TENANT = bootstrap.DEFAULT_TENANT


def administer(data_dir: Path | None, config: Path | None, function: Callable[[Administration, Transaction], T]) -> T:
    """Run the function in one transaction on the server's database."""

    async def run() -> T:
        async with bootstrap.administration(data_dir=data_dir, config=config) as administration:
            return await administration.store.transaction(lambda tx: function(administration, tx))

    return asyncio.run(run())


tenant = typer.Typer(help="Tenants: parties that cannot see each other.", no_args_is_help=True)


@tenant.command("create")
def create_tenant(
    external_id: Annotated[str, typer.Argument(help="What the Tenant header will name.")],
    name: Annotated[str | None, typer.Option(help="A name to show; the external id if none is given.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJSON = False,
) -> None:
    """Create a tenant."""
    created = administer(
        data_dir,
        config,
        lambda admin, tx: registration.create_tenant(
            tx, external_id, name or external_id, actor=ACTOR, make_id=admin.make_id, now=admin.clock()
        ),
    )
    Output(as_json=as_json).one(_tenant(created))


@tenant.command("list")
def list_tenants(data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False) -> None:
    """List the tenants."""
    found = administer(data_dir, config, lambda _, tx: tx.directory.tenants())
    Output(as_json=as_json).rows([_tenant(each) for each in found], nothing="There are no tenants.")


def entities(kind: EntityKind) -> typer.Typer:
    """The commands for applications or for runtimes, which are alike."""
    word = kind.value.lower()
    commands = typer.Typer(help=f"{kind.value}s: register, list, show, unregister.", no_args_is_help=True)

    @commands.command("register", help=f"Register the {word}, and print its id.")
    def register(
        name: str,
        description: str | None = None,
        tenant_id: TenantID = DEFAULT_TENANT,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJSON = False,
    ) -> None:
        entity = administer(
            data_dir,
            config,
            lambda admin, tx: registration.register(
                tx,
                registration.tenant_named(tx, tenant_id),
                kind,
                name,
                description,
                actor=ACTOR,
                make_id=admin.make_id,
                now=admin.clock(),
            ),
        )
        Output(as_json=as_json).one(_entity(entity))

    @commands.command("list", help=f"List the tenant's {word}s.")
    def list_entities(
        tenant_id: TenantID = DEFAULT_TENANT, data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False
    ) -> None:
        found = administer(
            data_dir,
            config,
            lambda _, tx: tx.directory.entities(registration.tenant_named(tx, tenant_id).id, kind),
        )
        Output(as_json=as_json).rows(
            [_entity(entity) for entity in found],
            nothing=f"There are no {word}s. Register one: connector {word} register NAME",
        )

    @commands.command("show", help=f"Show the {word} and its system auths.")
    def show(
        entity: Annotated[str, typer.Argument(metavar="NAME_OR_ID")],
        tenant_id: TenantID = DEFAULT_TENANT,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJSON = False,
    ) -> None:
        def find(_: Administration, tx: Transaction) -> Row:
            found = named(tx, registration.tenant_named(tx, tenant_id), kind, entity)
            return {**_entity(found), "systemAuths": [auth.id for auth in tx.directory.system_auths(found.id)]}

        Output(as_json=as_json).one(administer(data_dir, config, find))

    @commands.command("unregister", help=f"Remove the {word}, withdraw its tokens, revoke its certificates.")
    def unregister(
        entity: Annotated[str, typer.Argument(metavar="NAME_OR_ID")],
        tenant_id: TenantID = DEFAULT_TENANT,
        data_dir: DataDir = None,
        config: Config = None,
        as_json: AsJSON = False,
    ) -> None:
        def remove(admin: Administration, tx: Transaction) -> Entity:
            tenant = registration.tenant_named(tx, tenant_id)
            found = named(tx, tenant, kind, entity)
            return registration.unregister(tx, tenant, kind, found.id, actor=ACTOR, now=admin.clock())

        Output(as_json=as_json).one(_entity(administer(data_dir, config, remove)))

    return commands


token = typer.Typer(help="One-time tokens: mint, list, withdraw.", no_args_is_help=True)


@token.command("mint")
def mint_token(
    entity: Annotated[str, typer.Argument(metavar="NAME_OR_ID")],
    runtime: Annotated[bool, typer.Option("--runtime", help="It is a runtime, not an application.")] = False,
    tenant_id: TenantID = DEFAULT_TENANT,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJSON = False,
) -> None:
    """Mint a token, and print the pairing string to hand over. It is shown this once."""
    kind = EntityKind.RUNTIME if runtime else EntityKind.APPLICATION

    def mint(admin: Administration, tx: Transaction) -> Row:
        tenant = registration.tenant_named(tx, tenant_id)
        minted = registration.hand_over(
            tx,
            tenant,
            kind,
            named(tx, tenant, kind, entity).id,
            policy=admin.settings.token_policy,
            actor=ACTOR,
            random=admin.random,
            make_id=admin.make_id,
            now=admin.clock(),
        )
        return {
            "token": minted.token.id,
            "systemAuth": minted.token.system_auth_id,
            "expiresAt": timestamp(minted.token.expires_at),
            "pairing": pairing.encode(pairing.raw(minted.secret, minted.token, admin.links)),
        }

    Output(as_json=as_json).one(administer(data_dir, config, mint))


@token.command("list")
def list_tokens(
    tenant_id: TenantID = DEFAULT_TENANT, data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False
) -> None:
    """List the tenant's tokens by their public ids; the secrets are not kept."""
    found = administer(
        data_dir,
        config,
        lambda admin, tx: [
            _token(each, admin)
            for each in tx.tokens.list(TokenFilter(tenant_id=registration.tenant_named(tx, tenant_id).id))
        ],
    )
    Output(as_json=as_json).rows(found, nothing="There are no tokens. Mint one: connector token mint NAME")


@token.command("withdraw")
def withdraw_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's public id.")],
    tenant_id: TenantID = DEFAULT_TENANT,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJSON = False,
) -> None:
    """Withdraw a token that was not yet redeemed."""

    def run(admin: Administration, tx: Transaction) -> Row:
        tenant = registration.tenant_named(tx, tenant_id)
        withdrawn = withdraw(tx, TokenFilter(id=token_id, tenant_id=tenant.id), actor=ACTOR, now=admin.clock())
        if not withdrawn:
            raise ObjectNotFound("Object not found: the tenant has no token of that id that could be redeemed.")
        return _token(withdrawn[0], admin)

    Output(as_json=as_json).one(administer(data_dir, config, run))


certificate = typer.Typer(help="Certificates: list, show, revoke.", no_args_is_help=True)


@certificate.command("list")
def list_certificates(
    tenant_id: TenantID = DEFAULT_TENANT, data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False
) -> None:
    """List the tenant's certificates, newest first."""
    found = administer(
        data_dir,
        config,
        lambda admin, tx: [
            _certificate(each, admin)
            for each in tx.inventory.list(CertificateFilter(tenant_id=registration.tenant_named(tx, tenant_id).id))
        ],
    )
    Output(as_json=as_json).rows(found, nothing="There are no certificates yet.")


@certificate.command("show")
def show_certificate(serial: str, data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False) -> None:
    """Show the certificate of this serial number."""

    def find(admin: Administration, tx: Transaction) -> Row:
        found = tx.inventory.list(CertificateFilter(serial=_serial(serial)))
        if not found:
            raise ObjectNotFound
        return {**_certificate(found[0], admin), "pem": chain.pem(found[0].der)}

    Output(as_json=as_json).one(administer(data_dir, config, find))


@certificate.command("revoke")
def revoke_certificate(
    serial: str,
    reason: Reason = RevocationReason.UNSPECIFIED,
    data_dir: DataDir = None,
    config: Config = None,
    as_json: AsJSON = False,
) -> None:
    """Revoke the certificate of this serial number, from its holder's very next request."""

    def run(admin: Administration, tx: Transaction) -> Row:
        which = CertificateFilter(serial=_serial(serial))
        found = tx.inventory.list(which)
        if not found:
            raise ObjectNotFound
        revoked = revoke(tx, which, reason, actor=ACTOR, now=admin.clock())
        return _certificate((revoked or found)[0], admin)

    Output(as_json=as_json).one(administer(data_dir, config, run))


ca = typer.Typer(help="The certification authority.", no_args_is_help=True)


@ca.command("show")
def show_ca(data_dir: DataDir = None, config: Config = None, as_json: AsJSON = False) -> None:
    """Show the root and the issuing CA, with their fingerprints."""

    def find(admin: Administration, _: Transaction) -> list[Row]:
        return [
            {
                "certificate": name,
                "subject": each.subject.rfc4514_string(),
                "notAfter": timestamp(each.not_valid_after_utc),
                "fingerprint": each.fingerprint(SHA256()).hex(),
                "file": str(admin.settings.data_dir / "ca" / f"{name}.pem"),
            }
            for name, each in (("root", admin.root), ("issuing", admin.issuing))
        ]

    Output(as_json=as_json).rows(administer(data_dir, config, find), nothing="")


def named(tx: Transaction, tenant: Tenant, kind: EntityKind, name_or_id: str) -> Entity:
    """The tenant's entity of that name or id.

    Raises:
        ObjectNotFound: there is none.
    """
    found = tx.directory.entity_named(tenant.id, kind, name_or_id) or tx.directory.entity(tenant.id, kind, name_or_id)
    if found is None:
        raise ObjectNotFound(f"Object not found: the tenant has no {kind.value.lower()} of that name or id.")
    return found


def _serial(text: str) -> str:
    """The serial number as it is kept, from how openssl and browsers show it."""
    return text.replace(":", "").lower().lstrip("0")


def _tenant(tenant: Tenant) -> Row:
    return {"id": tenant.id, "externalID": tenant.external_id, "name": tenant.name}


def _entity(entity: Entity) -> Row:
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "createdAt": timestamp(entity.created_at),
    }


def _token(token: OneTimeToken, admin: Administration) -> Row:
    return {
        "id": token.id,
        "type": token.type.value,
        "systemAuth": token.system_auth_id,
        "state": token.state(now=admin.clock()).value,
        "expiresAt": timestamp(token.expires_at),
        "mintedBy": token.minted_by,
    }


def _certificate(certificate: Certificate, admin: Administration) -> dict[str, Any]:
    return {
        "serial": certificate.serial,
        "owner": certificate.owner_id,
        "systemAuth": certificate.system_auth_id,
        "state": certificate.state(now=admin.clock()).value,
        "notAfter": timestamp(certificate.not_after),
        "fingerprint": certificate.fingerprint.hex(),
    }
