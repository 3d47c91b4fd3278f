"""A file is opened once; what is no readable regular file is refused in words; what changed meanwhile is not run."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from pratique.errors import ConflictError, UsageError
from pratique.opened import LARGEST, regular_file, stage


def refused(path: str | Path) -> UsageError:
    with pytest.raises(UsageError) as caught, regular_file(str(path)):
        pass
    return caught.value


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "setup"
    path.write_bytes(b"#!/bin/sh\n" + b"x" * 3_000_000)
    return path


def test_the_hash_is_of_the_whole_content(program: Path) -> None:
    with regular_file(str(program)) as file:
        assert file.sha256() == hashlib.sha256(program.read_bytes()).hexdigest()
        assert file.sha256() == file.sha256()
        assert file.size == program.stat().st_size


def test_links_are_resolved(program: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(program)
    with regular_file(str(tmp_path / "link")) as file:
        assert file.path == program


def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    assert "no such file" in str(refused(tmp_path / "nothing"))
    (tmp_path / "dangling").symlink_to("gone")
    assert "link to gone, which does not exist" in str(refused(tmp_path / "dangling"))
    (tmp_path / "file").write_text("x")
    assert "cannot be opened" in str(refused(tmp_path / "file" / "below"))
    assert "not the name of a file" in str(refused("a\0b"))


def test_a_directory_is_answered_with_what_lies_in_it(tmp_path: Path) -> None:
    assert refused(tmp_path).hint == "name the file to run in it"
    (tmp_path / "player.run").write_text("x")
    assert refused(tmp_path).hint.endswith(f"such as {tmp_path}/player.run")


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a named pipe" in str(refused(tmp_path / "pipe"))


def test_sockets_and_devices_are_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert "is a socket" in str(refused(tmp_path / "socket"))
    assert "is a device" in str(refused("/dev/zero"))


def test_an_empty_file_and_one_too_big_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "is empty (0 bytes)" in str(refused(tmp_path / "empty"))
    with (tmp_path / "image").open("wb") as file:
        file.truncate(LARGEST + 1)  # sparse: takes no room
    assert "is too big: 16 GiB" in str(refused(tmp_path / "image"))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root reads everything, so the question is put by somebody else.
        path = tmp_path / "secret"
        path.write_text("#!/bin/sh\n")
        path.chmod(0o600)
        for parent in (tmp_path, *tmp_path.parents):
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp/pytest-of-root"):
                parent.chmod(0o755)
        os.seteuid(65534)
        try:
            error = refused(path)
        finally:
            os.seteuid(0)
    else:
        path = tmp_path / "secret"
        path.write_text("#!/bin/sh\n")
        path.chmod(0)
        error = refused(path)
    assert "cannot be read: Permission denied" in str(error)
    assert "chmod +r" in error.hint


def test_a_write_meanwhile_is_noticed_even_when_its_time_is_put_back(program: Path) -> None:
    before = program.stat()
    with regular_file(str(program)) as file:
        file.sha256()
        file.check_unchanged()
        with program.open("r+b") as writing:
            writing.write(b"#!/bin/no")
        os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(ConflictError):
            file.check_unchanged()


def test_another_file_put_in_its_place_is_noticed(program: Path, tmp_path: Path) -> None:
    with regular_file(str(program)) as file:
        (tmp_path / "other").write_bytes(program.read_bytes())
        (tmp_path / "other").rename(program)
        with pytest.raises(ConflictError):
            file.check_unchanged()
        program.unlink()
        with pytest.raises(ConflictError):
            file.check_unchanged()


def test_a_staged_copy_holds_the_bytes_that_were_judged(program: Path, tmp_path: Path) -> None:
    program.chmod(0o755)
    stages = tmp_path / "stage"
    stages.mkdir()
    copy = stage(str(program), hashlib.sha256(program.read_bytes()).hexdigest(), stages)
    assert copy.read_bytes() == program.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o555


def test_other_bytes_are_not_staged(program: Path, tmp_path: Path) -> None:
    judged = hashlib.sha256(program.read_bytes()).hexdigest()
    program.write_bytes(b"#!/bin/sh\nsomething else\n")
    stages = tmp_path / "stage"
    stages.mkdir()
    with pytest.raises(ConflictError, match="changed after it was identified"):
        stage(str(program), judged, stages)
    assert list(stages.iterdir()) == []
