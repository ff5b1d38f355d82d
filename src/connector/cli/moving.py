"""The commands for a move from Compass: import, status, end."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connector.bootstrap.administration import Administration, administration
from connector.cli.command import AsJSON, Place, command
from connector.cli.grouping import grouped
from connector.cli.output import Output, Row
from connector.domain import compass_subject
from connector.domain.imports import AdoptedHolder, AdoptedIssuer, Kind, Outcome, Report
from connector.domain.pairing import timestamp
from connector.pki.adopted import subject_values
from connector.usecases.importing import Import
from connector.usecases.moving import Move, end, look
from connector.usecases.offices import Office
from connector.usecases.realms import COMMAND, Installation

imports = typer.Typer(help="Move in from Compass: import, status, end.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Source:
    """What the old installation holds, and what becomes of it here."""

    database: Annotated[
        str,
        typer.Option(metavar="URL", help="The Compass database, postgresql://USER@HOST/NAME; PGPASSWORD is read."),
    ]
    ca: Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where the old CA's ca.crt is. ca.key is not needed.")]
    revocations: Annotated[
        Path, typer.Option(metavar="FILE", help="The ConfigMap with the revocations, as JSON; {} if there are none.")
    ]
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A client's certificate, to compare the settings of [subject] with."),
    ] = None


@dataclass(frozen=True, slots=True)
class Extent:
    """What is taken, and what is done with it."""

    tenant: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this tenant, by its external id. May be repeated.")
    ] = None
    systems_tenant: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The tenant where integration systems are registered; else where applications name them."
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, and write nothing.")] = False
    remove_gone: Annotated[
        bool, typer.Option("--remove-gone", help="Delete system auths that were deleted there after they were taken.")
    ] = False


@imports.command("compass")
@grouped
def import_compass(source: Source, extent: Extent, place: Place, as_json: AsJSON = False) -> None:
    """Take over what a Compass installation holds. Compass is only read. Run it again to take what is new."""
    from connector import compass  # noqa: PLC0415 - only this command reads PostgreSQL itself
    from connector.cli.progress import progress  # noqa: PLC0415 - only a long import shows it

    async def run() -> Report:
        async with administration(data_dir=place.data_dir, config=place.config) as opened:
            trusted, certificate = opened.settings.trusted, source.certificate
            old_ca, revoked = compass.read_ca(source.ca, trusted), compass.read_revocations(source.revocations, trusted)
            client = None if certificate is None else compass.read_certificate(certificate, trusted)
            with compass.open_database(source.database) as database, progress() as shown:
                task = shown.add_task("", total=database.count())
                report = await Import(
                    opened.store,
                    database,
                    opened.settings.token_policy,
                    tenants=extent.tenant or None,
                    systems_home=extent.systems_tenant,
                    is_dry=extent.dry_run,
                    removes=extent.remove_gone,
                    on_progress=lambda what, number: shown.update(task, description=what, advance=number),
                ).run(old_ca, revoked)
            report.warnings = compass_subject.warnings(
                opened.settings.subject.model_dump(),
                ca=subject_values(old_ca.certificate),
                client=None if client is None else subject_values(client),
            )
            return report

    _show_report(asyncio.run(run()), is_dry=extent.dry_run, as_json=as_json)


@imports.command("status")
@grouped
def status(
    place: Place,
    most: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="So many names of those who have not renewed.")
    ] = 1000,
    as_json: AsJSON = False,
) -> None:
    """Show how many holders of the old CA's certificates have come and renewed, and when the old CA can be ended."""

    async def ask() -> Move:
        async with administration(data_dir=place.data_dir, config=place.config) as opened:
            office = Office(opened.store, lambda tx: Installation(tx, COMMAND))
            return await office.read(look, most=most)

    move = asyncio.run(ask())
    waiting = [_holder(each, move) for each in move.waiting]
    if as_json:
        Output(as_json=True).show({**_move(move), "waiting": waiting}, nothing="")
        return
    Output(as_json=False).show(_move(move), nothing="")
    if waiting:
        print()
        Output(as_json=False).show(waiting, nothing="")


@command(imports, "end", writes=True)
def end_import(
    administration: Administration,
    installation: Installation,
    force: Annotated[bool, typer.Option("--force", help="Even if holders have not renewed yet.")] = False,
) -> list[Row]:
    """End the old CA: its certificates let nobody in any more."""
    ended = [_issuer(each) for each in end(installation, anyway=force)]
    if administration.settings.gateways.subject_rule:
        print(
            "Warning: gateways.subject_rule is on, so the certificate resolver still takes certificates of the old CA "
            "by their subject. Turn it off and restart the server.",
            file=sys.stderr,
        )
    return ended


def _show_report(report: Report, *, is_dry: bool, as_json: bool) -> None:
    counts = [
        {"kind": kind.value, **{each.value: report.counts[kind, each] for each in Outcome}}
        for kind in Kind
        if any(report.counts[kind, each] for each in Outcome)
    ]
    notes = [
        {"outcome": each.outcome.value, "kind": each.kind.value, "id": each.id, "name": each.name, "why": each.why}
        for each in report.notes
    ]
    if as_json:
        whole = {
            "dryRun": is_dry,
            "warnings": report.warnings,
            "counts": counts,
            "notes": notes,
            "notesOmitted": report.omitted,
        }
        Output(as_json=True).show(whole, nothing="")
        return
    Output(as_json=False).show(counts, nothing="There was nothing to import.")
    if notes:
        print()
        Output(as_json=False).show(notes, nothing="")
    for each in report.warnings:
        print(f"Warning: {each}", file=sys.stderr)
    if report.omitted:
        print(f"{report.omitted} more are not listed.", file=sys.stderr)
    if is_dry:
        print("This was a dry run: nothing was written.", file=sys.stderr)


def _move(move: Move) -> Row:
    progress, droppable, latest = move.progress, move.droppable_at, move.latest
    return {
        "seen": progress.seen,
        "renewed": progress.renewed,
        "onTheOldCA": progress.on_the_old_ca,
        "ended": progress.ended,
        "unseen": progress.unseen,
        "oldCACanEndOn": None if droppable is None else timestamp(droppable),
        "oldCAExpiresOn": None if latest is None else timestamp(latest),
        "oldCAs": [each.fingerprint.hex() for each in move.issuers if each.ended_at is None],
    }


def _holder(holder: AdoptedHolder, move: Move) -> Row:
    return {
        "name": holder.owner,
        "kind": holder.kind.value,
        "tenant": holder.tenant,
        "systemAuth": holder.id,
        "state": holder.state(now=move.now).value,
        "notAfter": None if holder.old_until is None else timestamp(holder.old_until),
    }


def _issuer(issuer: AdoptedIssuer) -> Row:
    return {"fingerprint": issuer.fingerprint.hex(), "notAfter": timestamp(issuer.not_after)}
