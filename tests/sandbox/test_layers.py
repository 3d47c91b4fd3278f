"""Which file systems make up the quarantine's root, from mount tables of machines of all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.sandbox.layers import (
    Layer,
    Mount,
    Step,
    below,
    layer_of,
    layers,
    mounts,
    overlay_options,
    plan_as_root,
    plan_as_user,
)  # fmt: skip


def kinds(steps: tuple[Step, ...]) -> dict[str, str]:
    return {step.at: step.kind for step in steps}


def test_the_machine_s_own_table_is_read():
    found = {mount.at: mount for mount in mounts()}
    assert found["/"].kind
    assert found["/proc"].kind == "proc"


def test_names_with_blanks_and_mounts_over_mounts(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "30 27 0:5 /inner\\040one /mnt/my\\040disk rw - xfs /dev/sdb rw\n"
        "31 27 0:6 / /data rw - ext4 /dev/sdc rw\n"
        "32 31 0:7 / /data ro shared:3 master:1 - tmpfs none rw\n"
    )
    assert mounts(table) == (
        Mount("/", "ext4", False, "254:0"), Mount("/data", "tmpfs", True, "0:7"),
        Mount("/mnt/my disk", "xfs", False, "0:5", "/inner one"),
    )  # fmt: skip


def test_root_overlays_every_real_file_system_and_covers_the_others(tmp_path):
    for name in ("boot", "cd", "cgroup", "home/with, comma:colon"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "resolv.conf").touch()
    found = [
        Mount("/", "ext4", False), Mount("/dev", "devtmpfs", False), Mount("/run/user/1000", "tmpfs", False),
        Mount(f"{tmp_path}/boot", "vfat", False), Mount(f"{tmp_path}/cd", "iso9660", True),
        Mount(f"{tmp_path}/cgroup", "cgroup2", False), Mount(f"{tmp_path}/resolv.conf", "ext4", False),
        Mount("/hidden/inside", "ext4", False),
    ]  # fmt: skip
    steps = plan_as_root(found, ["/hidden"])
    assert kinds(steps) == {
        "/": "overlay", f"{tmp_path}/boot": "overlay", f"{tmp_path}/cd": "show", f"{tmp_path}/cgroup": "cover",
        f"{tmp_path}/resolv.conf": "show", "/hidden": "cover",
    }  # fmt: skip
    assert steps[0].at == "/"
    assert steps[-1].at == "/hidden"
    numbers = [layer.number for layer in layers(steps)]
    assert len(set(numbers)) == len(numbers) == 2


def test_a_user_gets_an_overlay_as_far_up_as_there_are_no_mounts_below():
    steps = kinds(plan_as_user([Mount("/", "ext4", False), Mount("/var/lib/dpkg", "ext4", False)]))
    assert steps["/"] == steps["/proc"] == steps["/dev"] == "directory"
    assert steps["/usr"] == steps["/etc"] == "overlay"
    assert steps["/var"] == steps["/var/lib"] == "directory"
    assert steps["/var/lib/dpkg"] == "overlay"
    assert steps["/var/cache"] == "overlay"
    assert steps["/var/tmp"] == "overlay"
    link = next(path for path in ("/bin", "/lib", "/sbin") if Path(path).is_symlink())
    assert steps[link] == "link"


def test_writes_belong_to_the_layer_of_the_longest_mount_point():
    among = (Layer(at="/", number=0), Layer(at="/home", number=1), Layer(at="/home/ann/disk", number=2))
    found = {path: layer_of(path, among) for path in ("/etc/passwd", "/home", "/homes/x", "/home/ann/disk/f")}
    assert {path: layer.number for path, layer in found.items() if layer} == {
        "/etc/passwd": 0, "/home": 1, "/homes/x": 0, "/home/ann/disk/f": 2,
    }  # fmt: skip
    assert layer_of("/etc", among[1:]) is None


@pytest.mark.parametrize(
    ("path", "directory", "inside"),
    [("/a/b", "/a", True), ("/a", "/a", True), ("/ab", "/a", False), ("/x", "/", True), ("/", "/a", False)],
)
def test_below(path, directory, inside):
    assert below(path, directory) is inside


def test_odd_names_are_escaped_in_mount_options():
    options = overlay_options(Step(kind="overlay", at=r"/a,b:c\d", number=3), stand_ins=True, mapped=False)
    assert options.startswith(r"lowerdir=stand-ins/3:/a\,b\:c\\d,upperdir=upper/3,workdir=work/3,")


@pytest.mark.root
def test_a_mount_point_with_an_odd_name_is_overlaid(sh, host):
    from pratique.sandbox import linux

    odd = host / "my disk, big:one\\two"
    odd.mkdir()
    linux.mount("tmpfs", str(odd), "tmpfs", 0, "size=1m")
    try:
        session = sh("cd my*; echo x > new", hide=(f"{odd}/none",))
        assert [effect.path for effect in session.effects()] == [f"{odd}/new"]
        assert session.notes == ()
        assert list(odd.iterdir()) == []
    finally:
        linux.unmount(str(odd))
