"""Debian packages: known by their members, described by their control file, installed by apt."""

from __future__ import annotations

import io
import lzma
import shutil
import threading
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from pratique import Facts, Launch, MayStay, Request, Subject, hookimpl
from pratique_launchers import ar

#: The largest control archives known have some 5 MiB (many conffiles, long changelogs in templates).
LARGEST_CONTROL: Final = 32 * 1024 * 1024  # bytes, unpacked
LARGEST_FIELD_FILE: Final = 1024 * 1024  # bytes
XZ_MEMORY: Final = 128 * 1024 * 1024  # bytes
DPKG_PATIENCE: Final = 5.0  # s
MAINTAINER_SCRIPTS: Final = ("config", "preinst", "postinst", "prerm", "postrm")
#: Without a network apt would still try its mirrors for a package they have too, for 20 s, before it took the file; and
#: with --no-download it never takes the file. Told of no mirrors it says at once which dependency is missing.
NO_SOURCES: Final = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null")
#: Nobody there to ask which version of a changed settings file to keep: the administrator's own stays, the package's is
#: put beside it. Asked without an answer, dpkg fails.
KEEP_SETTINGS: Final = ("--force-confdef", "--force-confold")
FIELDS: Final = {
    "Package": "package", "Version": "version", "Architecture": "architecture", "Maintainer": "maintainer",
    "Depends": "depends", "Pre-Depends": "pre_depends", "Section": "section", "Homepage": "homepage",
    "Installed-Size": "installed_kib",
}  # fmt: skip


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        if file.read(8) != ar.MAGIC:
            return None
        import tarfile  # most commands need none of it

        size = path.stat().st_size
        try:
            found = list(ar.members(file, size))
        except ValueError as error:
            file.seek(0)
            if not file.read(24).endswith(b"debian-binary   "):
                return None  # a library of objects, say
            return Facts(kind="deb", certainty=0.8, facts={"damaged": str(error)})
        if not found or found[0].name != "debian-binary":
            return None
        if not any(member.name.startswith("data.tar") for member in found):
            return Facts(kind="deb", certainty=0.9, facts={"damaged": "it ends before its files"})
        try:
            facts = describe(file, found, path)
        except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
            return Facts(kind="deb", certainty=0.9, facts={"damaged": f"its control archive: {error}"})
    return Facts(kind="deb", certainty=0.95, name=facts.get("package"), facts=facts)


def describe(file: BinaryIO, found: list[ar.Member], path: Path) -> dict[str, str]:
    """The control file's fields, and which maintainer scripts there are. Raises what unpacking raises."""
    control = next((member for member in found if member.name.startswith("control.tar")), None)
    if control is None:
        raise ValueError("there is none")
    import tarfile

    unpacked = unpack(file, control, path)
    facts: dict[str, str] = {}
    scripts = []
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        for entry in archive:
            name = entry.name.removeprefix("./")
            if name in MAINTAINER_SCRIPTS and entry.isfile():
                scripts.append(name)
            elif name == "control" and entry.isfile() and entry.size <= LARGEST_FIELD_FILE:
                content = archive.extractfile(entry)
                facts = fields(content.read().decode("utf-8", "replace")) if content is not None else {}
    if "package" not in facts:
        raise ValueError("no control file with a Package field")
    if scripts:
        facts["maintainer_scripts"] = ", ".join(name for name in MAINTAINER_SCRIPTS if name in scripts)
    return facts


def unpack(file: BinaryIO, control: ar.Member, path: Path) -> bytes:
    """The control archive unpacked, by whichever packer was used. Raises `ValueError` when it is too large."""
    file.seek(control.offset)
    packed = file.read(min(control.size, LARGEST_CONTROL))
    limit = LARGEST_CONTROL + 1
    suffix = control.name.removeprefix("control.tar")
    if suffix == "":
        unpacked = packed
    elif suffix == ".gz":
        unpacked = zlib.decompressobj(wbits=31).decompress(packed, limit)
    elif suffix == ".xz":
        unpacked = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY).decompress(packed, limit)
    elif suffix == ".zst":
        unpacked = _unpack_by_dpkg(path, limit)
    else:
        raise ValueError(f"packed in an unknown way: {control.name}")
    if len(unpacked) > LARGEST_CONTROL:
        raise ValueError(f"larger than {LARGEST_CONTROL >> 20} MiB unpacked")
    return unpacked


def _unpack_by_dpkg(path: Path, limit: int) -> bytes:
    """Python has no zstd before 3.14; dpkg does."""
    import subprocess

    command = ["dpkg-deb", "--ctrl-tarfile", str(path)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
            assert running.stdout is not None
            late = threading.Timer(DPKG_PATIENCE, running.kill)
            late.start()
            content = running.stdout.read(limit)
            late.cancel()
            running.kill()  # it has ended, or writes more than is wanted
    except FileNotFoundError:
        raise ValueError("packed with zstd, and this machine has no dpkg-deb to unpack it") from None
    if not content:
        raise ValueError("dpkg-deb cannot unpack it")
    return content


def fields(control: str) -> dict[str, str]:
    """The fields of a control file that say something to a person; `description` is its first line."""
    facts: dict[str, str] = {}
    name = ""
    for line in control.splitlines():
        if line[:1] in (" ", "\t"):
            if name in FIELDS:
                facts[FIELDS[name]] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if name in FIELDS:
            facts[FIELDS[name]] = value.strip()
        elif name == "Description":
            facts["description"] = value.strip()
    return facts


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "deb":
        return None
    damaged = subject.facts.get("damaged")
    hint = "if it depends on packages that are not installed: name their .deb files too, or use `--network observed`"
    # apt takes a word for a file only when it has a slash.
    files = (
        *(str(Path(word).absolute()) if Path(word).is_file() else word for word in request.arguments),
        subject.path,
    )
    keep = () if request.attended else KEEP_SETTINGS
    options = tuple(word for option in keep for word in ("-o", f"Dpkg::Options::={option}"))
    if shutil.which("apt-get") is None:
        command: tuple[str, ...] = ("dpkg", *keep, "--install", *files)
    elif request.network == "none":
        command = ("apt-get", "install", "--yes", *options, *NO_SOURCES, *files)
    else:
        command = ("apt-get", "install", "--yes", *options, *files)
        hint = "if a package cannot be found: `apt-get update` on this machine, then run again"
    return Launch(
        command=command,
        environment={} if request.attended else {"DEBIAN_FRONTEND": "noninteractive"},
        needs_root=True,
        needs={"dpkg": "dpkg"},
        describe="Debian package",
        damaged=f"this Debian package is damaged: {damaged}" if damaged else "",
        hint="download it again" if damaged else hint,
    )


@hookimpl
def may_stay() -> list[MayStay]:
    """What each later package leaves anew. Not the records themselves: of those our lines are taken out."""
    return [
        MayStay(
            what="backups, logs and caches of dpkg and apt",
            paths=(
                "/var/lib/dpkg/*-old", "/var/log/{dpkg,alternatives}.log*", "/var/log/apt", "/var/log/apt/**",
                "/var/cache/apt/**", "/var/lib/apt/lists/**", "/var/cache/debconf/*-old",
                "/var/lib/ucf/{hashfile,registry}.[0-9]",
            ),
        )
    ]  # fmt: skip
