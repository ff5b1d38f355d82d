"""What a start prints."""

from tests.support.server import Server


def test_a_key_that_is_not_there_is_not_named(fresh_server: Server) -> None:
    """The first start names the file with its API key; one that does not have it, as on a further replica, does not."""
    fresh_server.start()
    named = str(fresh_server.data / "admin.key")
    assert named in fresh_server.log.read_text()
    fresh_server.stop()
    (fresh_server.data / "admin.key").unlink()
    before = len(fresh_server.log.read_text())
    fresh_server.start()

    printed = fresh_server.log.read_text()[before:]
    assert "root CA" in printed
    assert "admin key" not in printed
