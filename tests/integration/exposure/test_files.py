"""Which files others could read or change, and what mends each."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.bootstrap.files import load_safely
from connector.bootstrap.server import serve
from connector.exposure import Exposed, Trusted, directory, examine, named, read, refuse
from connector.exposure.files import group_id

# Numbers that no user of this machine has.
US, ROOT, OTHER = 4_200_001, 0, 4_200_002
OUR_GROUP, ANY_GROUP = 1000, 3000
PATH = Path("/where it is")


def status(mode: int, *, user: int = US, group: int = OUR_GROUP, kind: int = stat.S_IFREG) -> os.stat_result:
    return os.stat_result((kind | mode, 1, 1, 1, user, group, 0, 0, 0, 0))


def trusted(group: int | None = None, user: int = US) -> Trusted:
    return Trusted(user, frozenset({user, ROOT}), group)


def told(mode: int, *, is_secret: bool = True, group: int | None = None, user: int = US) -> list[str]:
    """What is said of a file of this mode."""
    found = examine(PATH, status(mode, user=user), is_secret=is_secret, trusted=trusted(group))
    return [str(finding) for finding in found]


MODES = st.integers(0, 0o777)


@given(mode=MODES, is_secret=st.booleans(), group=st.sampled_from([None, OUR_GROUP, ANY_GROUP]))
def test_file_is_refused_iff_others_have_a_right_that_they_should_not(
    mode: int, *, is_secret: bool, group: int | None
) -> None:
    """Others may not write any file nor read a secret one; a trusted group counts as the owner, another does not."""
    others = mode & 0o007 | (mode >> 3 & 0o007 if group != OUR_GROUP else 0)
    forbidden = 0o007 if is_secret else 0o002

    assert bool(told(mode, is_secret=is_secret, group=group)) == bool(others & forbidden)


@settings(max_examples=20, deadline=None)
@given(mode=MODES, is_secret=st.booleans(), group=st.sampled_from([None, OUR_GROUP, ANY_GROUP]))
def test_command_mends_what_is_found(
    mode: int, *, is_secret: bool, group: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After the command that the finding names has run, nothing is found, and the owner has all rights as before."""
    file = tmp_path_factory.getbasetemp() / "mended by 'chmod'"
    file.touch()
    file.chmod(mode)
    me = Trusted.here(None if group is None else file.stat().st_gid)
    for finding in examine(file, file.stat(), is_secret=is_secret, trusted=me):
        subprocess.run(finding.mend.removeprefix("Run: "), shell=True, check=True)  # noqa: S602 - as a person would
        assert file.stat().st_mode & 0o600 >= mode & 0o600
    assert not list(examine(file, file.stat(), is_secret=is_secret, trusted=me))


def test_finding_says_which_file_what_is_wrong_and_the_command() -> None:
    """The path, the mode, what it allows, and a command that a shell takes as it is."""
    assert told(0o644) == ["/where it is (mode 0644) can be read by others. Run: chmod 600 '/where it is'"]
    assert told(0o666) == ["/where it is (mode 0666) can be read and written by others. Run: chmod 600 '/where it is'"]
    assert told(0o666, is_secret=False) == [
        "/where it is (mode 0666) can be written by others. Run: chmod go-w '/where it is'"
    ]
    assert told(0o642, is_secret=False, group=OUR_GROUP) == [
        "/where it is (mode 0642) can be written by others. Run: chmod o-w '/where it is'"
    ]


@pytest.mark.parametrize("is_secret", [True, False])
def test_file_of_another_user_is_refused_and_one_of_root_is_not(*, is_secret: bool) -> None:
    """An owner can change a file whatever its mode says; root can anyway."""
    assert told(0o600, is_secret=is_secret, user=OTHER) == [
        "/where it is belongs to 4200002. Run: chown 4200001 '/where it is'"
    ]
    assert told(0o600, is_secret=is_secret, user=ROOT) == []


def test_secret_of_root_may_be_read_by_its_group() -> None:
    """Root gave it to that group: orchestrators mount secrets so. Its group may not write it, nor others read it."""
    assert told(0o440, user=ROOT) == []
    assert told(0o460, user=ROOT)[0].endswith("Run: chmod go-w '/where it is'")
    assert told(0o444, user=ROOT)[0].endswith("Run: chmod 640 '/where it is'")
    as_root = examine(PATH, status(0o440, user=ROOT), is_secret=True, trusted=trusted(user=ROOT))
    assert [finding.mend for finding in as_root] == ["Run: chmod 600 '/where it is'"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory within others, all of them ours."""
    made = tmp_path / "outer" / "inner" / "data"
    made.mkdir(mode=0o755, parents=True)
    return made


def wrong(path: Path) -> list[Path]:
    return [finding.path for finding in directory(path, Trusted.here())]


def test_every_directory_on_the_way_counts(home: Path) -> None:
    """Where others can write a directory above, they can put another in the place of ours."""
    assert wrong(home) == []
    home.parent.parent.chmod(0o777)
    home.chmod(0o775)

    assert wrong(home) == [home.parent.parent, home]


def test_sticky_bit_protects_what_is_in_a_directory_and_not_the_directory(home: Path) -> None:
    """In a directory such as /tmp nobody can rename another's file. A data directory like that is refused all the
    same: others could put new files in it.
    """
    home.parent.chmod(0o1777)
    assert wrong(home) == []
    home.chmod(0o1777)

    assert wrong(home) == [home]


def test_directory_behind_a_link_is_judged_with_the_way_to_it(home: Path, tmp_path: Path) -> None:
    """Both the directories that lead to the link and those that it leads to are looked at."""
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "link").symlink_to("../outer/inner")
    home.parent.chmod(0o777)
    loose.chmod(0o777)

    assert wrong(loose / "link" / "data") == [loose, home.parent]
    assert wrong(loose / ".." / "loose" / "link") == [loose, loose, loose / ".." / "loose" / "link"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A link that leads to itself is followed no further than the kernel does."""
    (tmp_path / "circle").symlink_to("circle")

    assert wrong(tmp_path / "circle" / "data") == []


@pytest.mark.parametrize("is_secret", [True, False])
def test_file_that_is_not_there_is_not_exposed(tmp_path: Path, *, is_secret: bool) -> None:
    """Nothing is found where nothing is; the way to it counts all the same."""
    path = tmp_path / "a" / "b"
    assert list(named(path, Trusted.here(), is_secret=is_secret)) == []
    path.parent.mkdir()
    path.parent.chmod(0o777)

    assert [finding.path for finding in named(path, Trusted.here(), is_secret=is_secret)] == [path.parent]


def test_directory_of_another_user_above_ours_is_refused(home: Path) -> None:
    """Its owner can rename ours. Needs root, as the suite does."""
    os.chown(home.parent, OTHER, -1)

    (finding,) = directory(home, Trusted.here())

    assert str(finding) == (
        f"{home.parent} leads to {home} and belongs to 4200002. "
        "Move what is in it to a directory that only root and root can write"
    )


def test_root_acts_for_the_owner_of_a_directory(home: Path) -> None:
    """What belongs to the owner of the directory is accepted when root looks at it, for root asked to."""
    os.chown(home, OTHER, -1)

    assert wrong(home) == [home]
    assert list(directory(home, Trusted.within(home))) == []


def test_what_is_read_is_what_was_judged(tmp_path: Path) -> None:
    """The open file is judged: a link to a loose file is refused, a link to a good one is read."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"words")
    link.symlink_to(file)
    with pytest.raises(Exposed, match=r"can be read by others"):
        read(link, is_secret=True, most=5, trusted=Trusted.here())
    assert read(link, is_secret=False, most=5, trusted=Trusted.here()) == b"words"
    file.chmod(0o600)

    assert read(link, is_secret=True, most=5, trusted=Trusted.here()) == b"words"
    with pytest.raises(OSError, match="Larger than 4 octets"):
        read(link, is_secret=True, most=4, trusted=Trusted.here())


def test_fifo_is_refused_and_waited_for_by_nobody(tmp_path: Path) -> None:
    """Only regular files are read."""
    os.mkfifo(tmp_path / "fifo", 0o600)

    with pytest.raises(OSError, match="Not a regular file"):
        read(tmp_path / "fifo", is_secret=True, most=5, trusted=Trusted.here())


def test_refusal_names_every_file_once(tmp_path: Path) -> None:
    """All that is wrong is told at once, each file with its command."""
    for name in "ab":
        (tmp_path / name).touch(0o644)
    found = [finding for name in "aba" for finding in named(tmp_path / name, Trusted.here(), is_secret=True)]

    with pytest.raises(Exposed) as caught:
        refuse(found)

    assert [finding.path.name for finding in caught.value.findings] == ["a", "b"]
    assert str(caught.value).count("chmod 600") == 2


def test_directories_of_users_outside_a_user_namespace_are_accepted(home: Path) -> None:
    """In a user namespace everybody who is not in it has one number, and nobody inside can act as them. Outside of one,
    that number is a user like any other.
    """
    nobody = int(Path("/proc/sys/kernel/overflowuid").read_text())
    os.chown(home.parent, nobody, -1)
    home.chmod(0o700)
    program = "import sys; from pathlib import Path; from connector.exposure import *\n"
    program += "print(*directory(Path(sys.argv[1]), Trusted.here()), sep='')"
    command = [sys.executable, "-c", program, str(home)]
    unshared = ["unshare", "--map-root-user", *command]

    assert f"{home.parent} leads to" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert subprocess.run(unshared, capture_output=True, text=True, check=True).stdout == "\n"


def test_group_is_given_by_name_or_number() -> None:
    """As chgrp takes it."""
    assert group_id("root") == group_id("0") == 0
    for name in ("", "no such group", "-1", "99999999999", "²"):
        with pytest.raises(ValueError, match="no such group"):
            group_id(name)


def test_root_runs_commands_for_the_owner_and_no_server(tmp_path: Path) -> None:
    """A command that root runs accepts what belongs to the owner of the data directory; a server of root's does not."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "connector.toml").touch()
    for path in (data, data / "connector.toml"):
        os.chown(path, OTHER, -1)

    assert load_safely(data_dir=data, config=None)[0].data_dir == data

    with pytest.raises(Exposed, match="belongs to 4200002"):
        serve(data_dir=data, config=None, flags={}, say=print)
