"""Room on the disk, and giving it back."""

from __future__ import annotations

import os

import pytest

from pratique.errors import NoRoomError
from pratique.sandbox.space import Watch, free, remove_tree, reserve, used


def test_files_and_bytes_are_counted(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(bytes(100_000))
    (tmp_path / "link").symlink_to("/usr")
    files, size = used(tmp_path)
    assert files == 3
    assert 100_000 <= size < 200_000


def test_more_than_allowed_is_refused(tmp_path):
    (tmp_path / "upper").mkdir()
    watch = Watch(tmp_path, limit=50_000)
    watch.look(thorough=True)
    (tmp_path / "upper/f").write_bytes(bytes(100_000))
    with pytest.raises(NoRoomError, match="50,000"):
        watch.look(thorough=True)


def test_a_single_file_may_be_no_larger_than_there_is_room(tmp_path):
    assert Watch(tmp_path, None).largest_file() <= free(tmp_path)
    assert Watch(tmp_path, 1000).largest_file() == 1000 + reserve(tmp_path)


def test_a_tree_deeper_than_any_path_is_removed(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("directory", dir_fd=here)
        deeper = os.open("directory", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    remove_tree(tmp_path / "directory")
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_a_tree_leads_to_no_further_removal(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (tmp_path / "tree/inner").mkdir(parents=True)
    (tmp_path / "tree/link").symlink_to(tmp_path / "kept")
    (tmp_path / "tree/inner/link").symlink_to(tmp_path / "kept/file")
    remove_tree(tmp_path / "tree")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept/file").exists()


def test_removing_what_is_not_there_is_fine(tmp_path):
    remove_tree(tmp_path / "none")
    remove_tree(tmp_path / "none/deeper")
    (tmp_path / "file").touch()
    remove_tree(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
