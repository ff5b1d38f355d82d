"""The gateways that are answered: a section of the settings."""

from pathlib import Path

from pydantic import Field

from connector.settings.section import Section
from connector.settings.values import Networks


class Gateways(Section):
    """The gateways that may ask for verdicts and use the resolvers, on the internal listener. Without one of these
    settings nobody may; if both are set, a gateway must satisfy both. See [gateways](gateways.md).
    """

    proxies: Networks = Field(
        default=(),
        max_length=100,
        description="Addresses and networks from which gateways ask, such as 127.0.0.1 or 10.0.0.0/24.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the secret of at least 32 characters that gateways "
        "send in the header Connector-Gateway-Secret.",
    )
