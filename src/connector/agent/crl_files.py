"""The CRLs in files, as gateways read them.

    DIR/cas.pem     the certificates of the CAs
    DIR/crls.pem    the newest CRL of each
    DIR/.reload     there while programs have yet to read the files again
    DIR/.lock       held by the agent that works here

Each file is replaced in one step. Everybody may read them; only the agent's user may write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from connector import exposure
from connector.agent import files
from connector.agent.crls import CRL, CRLUnusable, cas, kept
from connector.agent.locking import locked
from connector.agent.outcomes import explained
from connector.exposure import Trusted

CAS, CRLS, RELOAD, LOCK = "cas.pem", "crls.pem", ".reload", ".lock"
PUBLIC, PUBLIC_DIRECTORY = 0o644, 0o755


@dataclass(frozen=True, slots=True)
class CRLFiles:
    """The directory of the files."""

    path: Path

    @property
    def crls(self) -> Path:
        """The file of the CRLs."""
        return self.path / CRLS

    @property
    def are_there(self) -> bool:
        """Whether there are both files."""
        return self.crls.exists() and (self.path / CAS).exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory if need be, in one that is there, and hold it.

        Raises:
            Locked: another agent holds it.
            FilesUnusable: it cannot be made, or other users can write it.
        """
        with explained():
            if not self.path.exists():
                self.path.mkdir(mode=0o700)  # not its parents, which would be closed to the gateway
                self.path.chmod(PUBLIC_DIRECTORY)  # whatever the umask is
            exposure.refuse(exposure.directory(self.path, Trusted.within(self.path)))
        with locked(self.path / LOCK):
            yield

    def held(self, anchors: Sequence[x509.Certificate]) -> Sequence[CRL]:
        """The CRLs in the files, as far as they are good; none where there are no files."""
        try:
            known = cas(files.read(self.path / CAS) or b"", anchors)
        except CRLUnusable:
            return []
        return list(kept(files.read(self.crls) or b"", known))

    def publish(self, crls: Sequence[CRL]) -> bool:
        """Put these into the files; whether that changed anything.

        That programs must read them again is noted first, so that a kill in between loses nothing.
        """
        content = {CAS: b"".join(each.ca.pem for each in crls), CRLS: b"".join(each.pem for each in crls)}
        changed = [name for name, octets in content.items() if files.read(self.path / name) != octets]
        if changed:
            files.replace(self.path / RELOAD, b"")
        for name in changed:
            files.replace(self.path / name, content[name], PUBLIC)
        return bool(changed)

    @property
    def is_reload_due(self) -> bool:
        """Whether programs have yet to read the files again."""
        return (self.path / RELOAD).exists()

    def reloaded(self) -> None:
        """Programs have read the files."""
        (self.path / RELOAD).unlink()
