"""Where a store may lie: on a disk of this machine, in one file with one name."""

from __future__ import annotations

import os
from pathlib import Path

from overnight.errors import StoreError

#: Locks and shared memory do not reach across machines: two of them would write into one WAL.
NETWORK_TYPES = frozenset({
    "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "gfs2", "smb2", "smb3",
    "smbfs", "beegfs", "gpfs", "prl_fs", "vboxsf", "virtiofs", "drvfs",
})  # fmt: skip

_MOUNTS = Path("/proc/self/mountinfo")


def refuse_network(home: Path, *, mounts: str | None = None) -> None:
    """See to it that a folder, or what it will be made in, is on a disk of this machine.

    Args:
        home: the folder of a store.
        mounts: what is mounted, in the words of /proc/self/mountinfo; by default what is.

    Raises:
        StoreError: it is not.
    """
    if mounts is None:
        if not _MOUNTS.exists():
            return
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    existing = home.absolute()
    while not existing.exists():
        existing = existing.parent
    kind = _type_of(existing.stat().st_dev, mounts)
    if kind in NETWORK_TYPES or kind.startswith("fuse"):
        raise StoreError(
            f"{home} lies on a {kind} file system: SQLite cannot keep writers apart there",
            hint="set OVERNIGHT_HOME to a folder on a local disk",
        )


def _type_of(device: int, mounts: str) -> str:
    """Return the type of a mounted file system, "" if it is not known."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        fields = place.split()
        if len(fields) > 2 and fields[2] == wanted:
            kind, *options = rest.split()
            # Windows' own disks, as a Linux inside Windows sees them.
            return "drvfs" if kind == "9p" and any("drvfs" in option for option in options) else kind
    return ""


def refuse_aliases(path: Path) -> None:
    """See to it that a file has one name only.

    Raises:
        StoreError: it has another: whoever opened it by that name would use another WAL.
    """
    if path.stat().st_nlink > 1:
        raise StoreError(
            f"{path} has another name, by a hard link: opened by both, it would be damaged",
            hint=f"find it with: find / -xdev -samefile {path}",
        )
