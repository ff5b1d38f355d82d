"""A file for node_exporter's textfile collector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connector.agent import files
from connector.agent.outcomes import AgentError, explained

READABLE = 0o644

FIGURES = {
    "not_after_timestamp_seconds": ("gauge", "When the certificate in use ends."),
    "not_before_timestamp_seconds": ("gauge", "When the certificate in use began."),
    "renewal_timestamp_seconds": ("gauge", "When the agent means to renew."),
    "crl_next_update_timestamp_seconds": ("gauge", "When the first of the CRLs ends."),
    "crl_entries": ("gauge", "Entries of all CRLs."),
    "checked_timestamp_seconds": ("gauge", "When the server last answered."),
    "up": ("gauge", "Whether the last exchange with the server went well."),
    "renewals_total": ("counter", "Renewals since the agent started."),
    "failures_total": ("counter", "What failed since the agent started, an exchange, a renewal or a round of CRLs."),
}


@dataclass(slots=True)
class Metrics:
    """The figures, and the file that they are written to; without a path nothing is written."""

    path: Path | None
    directory: Path
    values: dict[str, float]

    def set(self, values: Mapping[str, float]) -> None:
        """Set these, and write the file."""
        self.values.update(values)
        if self.path is not None:
            files.replace(self.path, self.text().encode(), READABLE)

    def count(self, name: str) -> None:
        """Add one to it; it is written with the next setting."""
        self.values[name] += 1

    def text(self) -> str:
        """The file's content, in Prometheus' text format."""
        label = str(self.directory).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        lines = []
        for name, (kind, help_) in FIGURES.items():
            if name in self.values:
                metric = f"connector_agent_{name}"
                lines += [
                    f"# HELP {metric} {help_}",
                    f"# TYPE {metric} {kind}",
                    f'{metric}{{directory="{label}"}} {self.values[name]:.15g}',
                ]
        return "\n".join((*lines, ""))


def measure(metrics: Metrics, values: Mapping[str, float], event: Callable[..., None]) -> None:
    """Set these; that the file cannot be written is no reason to stop."""
    try:
        with explained():
            metrics.set(values)
    except AgentError as error:
        event("metrics.failed", reason=str(error))
