"""Archives and packages of other systems: recognised, so that the person is told what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pratique import Facts, Launch, Request, Subject, hookimpl
from pratique_launchers import packed

#: First bytes -> kind.
MAGIC: Final = {
    b"\xed\xab\xee\xdb": "rpm",
    b"PK\3\4": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zst",
    b"hsqs": "squashfs",
    b"xar!": "xar",
}
#: Kind -> what it is, and what to do with it. `{path}` is the file.
ADVICE: Final = {
    "rpm": ("a package of an RPM distribution", "look for a .deb of it; `alien --to-deb {path}` may convert this one"),
    "zip": ("a zip archive", "unpack it (unzip {path}), then run the installer inside"),
    "7z": ("a 7z archive", "unpack it (7z x {path}), then run the installer inside"),
    "rar": ("a rar archive", "unpack it (unrar x {path}), then run the installer inside"),
    "zst": ("packed data", "unpack it (unzstd {path}), then run the installer inside"),
    "squashfs": ("a file system image or a snap", "a snap is installed with `pratique run -- snap install NAME`"),
    "xar": ("a macOS package", "download the version for Linux"),
    "tar": ("a tar archive", "unpack it (tar xf {path}), then run the installer inside"),
    "gz": ("packed data", "unpack it (gunzip {path}), then run what is inside"),
    "bz2": ("packed data", "unpack it (bunzip2 {path}), then run what is inside"),
    "xz": ("packed data", "unpack it (unxz {path}), then run what is inside"),
    "dmg": ("a macOS disk image", "download the version for Linux"),
}


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(max(0, path.stat().st_size - 512))
        trailer = file.read(4)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
    if kind is not None:
        return Facts(kind=kind, certainty=0.4)
    if trailer == b"koly":
        return Facts(kind="dmg", certainty=0.4)
    packer = packed.packer(head)
    # Some of these letters may begin anything; a tar file is only one when its first header checks out.
    if packer is not None or head[257:262] == b"ustar":
        kind = "tar" if packed.look(path, lambda name: False) is not None else packer
        return Facts(kind=kind, certainty=0.4) if kind is not None else None
    return None


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    advice = ADVICE.get(subject.kind)
    if advice is None:
        return None
    what, hint = advice
    return Launch(
        command=(subject.path,),
        describe=what,
        cannot=f"{Path(subject.path).name} is {what}: it holds files, and runs nothing by itself",
        hint=hint.format(path=subject.path),
    )
