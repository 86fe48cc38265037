"""What a process did to the files below a directory, as `preloaded/recording.c` logged it, and disks made from it.

A disk after a power loss has everything that was synced, and of the rest whatever it likes: nothing, all, some of the
writes in any order, or torn ones, of which only some sectors arrived. A name in a directory is there for sure only when
that directory was synced after it was given; content is there for sure only when that file was.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

__all__ = ["Deed", "Disk", "Losing", "Recording", "disk_at"]

SECTOR = 512
_HEAD = struct.Struct("<cQQII")
_KEY = re.compile(rb"idempotency-key: ([^\r]*)", re.IGNORECASE)
Losing = Literal["nothing", "everything", "some writes", "some sectors"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One record of the log; recording.c says what its fields mean."""

    kind: str
    number: int
    offset: int
    first: str
    second: bytes


@dataclass(frozen=True)
class Recording:
    """The log of a process.

    Attributes:
        below: the directory whose files were recorded.
        before: what was there before: inode and content by path; a directory has no content.
        deeds: what happened, in order.
    """

    below: Path
    before: Mapping[str, tuple[int, bytes | None]]
    deeds: Sequence[Deed]

    @classmethod
    def of(cls, below: Path, log: Path, record: Callable[[Mapping[str, str]], None]) -> Recording:
        """Record what happens while `record` runs, which gives these variables to a process that has recording.c."""
        before = {
            str(path): (path.stat().st_ino, path.read_bytes() if path.is_file() else None)
            for path in (below, *below.rglob("*"))
        }
        record({"ALTLAS_RECORD_BELOW": str(below), "ALTLAS_RECORD_INTO": str(log)})
        return cls(below, before, list(_deeds(log.read_bytes())))

    def instants(self) -> list[int]:
        """Each disk once, at the last instant at which it is like this: numbers of deeds that were done by then.

        What somebody is told in between changes no disk, but what the disk must not lose.
        """
        return [instant for instant, deed in enumerate(self.deeds) if deed.kind not in "EO"] + [len(self.deeds)]

    def called(self, instant: int) -> set[str]:
        """The tasks for which a request had been sent by then."""
        found = set()
        for deed in self.deeds[:instant]:
            if deed.kind == "O" and (key := _KEY.search(deed.second)):
                found.add(unquote(key[1].decode()).partition(":")[2])
        return found

    def acknowledged(self, instant: int) -> set[str]:
        """The tasks of which somebody had been told by then that they completed: observers, or their dependents."""
        found: set[str] = set()
        for deed in self.deeds[:instant]:
            if deed.kind == "E":
                for line in deed.second.splitlines():
                    row = json.loads(line) if line.startswith(b"{") and line.endswith(b"}") else {}
                    if row.get("event") == "task_finished" and row["status"] == "completed":
                        found.add(row["task_id"])
            elif deed.kind == "O" and b'"context"' in deed.second:
                body = deed.second[deed.second.index(b"{") :]
                found |= json.loads(body)["context"].keys()
        return found


def _deeds(log: bytes) -> Iterator[Deed]:
    place = 0
    while place < len(log):
        kind, number, offset, first, second = _HEAD.unpack_from(log, place)
        place += _HEAD.size
        middle, end = place + first, place + first + second
        yield Deed(kind.decode(), number, offset, log[place:middle].decode(), log[middle:end])
        place = end


@dataclass(slots=True)
class _File:
    """What a file has for sure, and what was done to it since it was synced."""

    content: bytearray = field(default_factory=bytearray)
    pending: list[Deed] = field(default_factory=list)

    def sync(self) -> None:
        for deed in self.pending:
            _apply(self.content, deed.offset, deed.second, is_cut=deed.kind == "T")
        self.pending.clear()


Names = dict[str, _File | None]  # a directory is None
_Change = dict[str, tuple[Literal["set", "remove"], _File | None]]


@dataclass(slots=True)
class Disk:
    """The state of the files: what is there for sure, and what may be there or not.

    Attributes:
        names: what stands on the disk for sure, by path.
        seen: what a process sees, by path.
        changes: what was done to the names in each directory since it was synced, in order.
        by_inode: the files that a process can have open.
    """

    names: Names
    seen: Names
    changes: defaultdict[str, list[_Change]] = field(default_factory=lambda: defaultdict(list))
    by_inode: dict[int, _File] = field(default_factory=dict)

    def follow(self, deed: Deed) -> None:
        """Do what the process did."""
        match deed.kind:
            case "C":
                self.by_inode[deed.number] = _File()
                self._rename({deed.first: ("set", self.by_inode[deed.number])})
            case "M":
                self._rename({deed.first: ("set", None)})
            case "U":
                self._rename({deed.first: ("remove", None)})
            case "R":
                to = deed.second.decode()
                assert self.seen[deed.first] is not None, "no directory is renamed"
                self._rename({deed.first: ("remove", None), to: ("set", self.seen[deed.first])})
            case "W" | "T":
                self.by_inode[deed.number].pending.append(deed)
            case "F":
                self.by_inode[deed.number].sync()
            case "D":
                for change in self.changes.pop(deed.first, ()):
                    _change(self.names, change)

    def _rename(self, change: _Change) -> None:
        _change(self.seen, change)
        (directory,) = {path.rpartition("/")[0] for path in change}
        self.changes[directory].append(change)

    def after_power_loss(self, losing: Losing, chance: random.Random) -> dict[str, bytes | None]:
        """What stands there when the power comes back: contents by path, None for a directory."""
        names = dict(self.names)
        for changes in self.changes.values():
            for change in changes:
                if _arrives(losing, chance):
                    _change(names, change)
        found: dict[str, bytes | None] = {}
        for path in sorted(names):
            if path.rpartition("/")[0] in names or path == min(names):
                file = names[path]
                found[path] = None if file is None else _content(file, losing, chance)
            else:
                del names[path]  # its directory is not there
        return found


def _arrives(losing: Losing, chance: random.Random) -> bool:
    return losing == "nothing" or (losing != "everything" and chance.random() < 0.5)


def _content(file: _File, losing: Losing, chance: random.Random) -> bytes:
    content = bytearray(file.content)
    for deed in file.pending:
        if losing != "some sectors" or deed.kind == "T":
            if _arrives(losing, chance):
                _apply(content, deed.offset, deed.second, is_cut=deed.kind == "T")
            continue
        end = deed.offset + len(deed.second)
        start = deed.offset
        while start < end:
            stop = min(end, (start // SECTOR + 1) * SECTOR)
            if chance.random() < 0.5:
                _apply(content, start, deed.second[start - deed.offset : stop - deed.offset], is_cut=False)
            start = stop
    return bytes(content)


def _apply(content: bytearray, offset: int, written: bytes, *, is_cut: bool) -> None:
    if is_cut:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if not is_cut:
        content[offset : offset + len(written)] = written


def _change(names: Names, change: _Change) -> None:
    for path, (what, file) in change.items():
        if what == "set":
            names[path] = file
        else:
            names.pop(path, None)


def disk_at(recording: Recording, instant: int) -> Disk:
    """The disk when so many deeds were done."""
    files = {
        path: (inode, None if content is None else _File(bytearray(content)))
        for path, (inode, content) in recording.before.items()
    }
    names = {path: file for path, (_, file) in files.items()}
    disk = Disk(names, dict(names), by_inode={inode: file for inode, file in files.values() if file is not None})
    for deed in recording.deeds[:instant]:
        disk.follow(deed)
    return disk
