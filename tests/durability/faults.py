"""Mistakes that somebody could make in the journal, each as a small change of today's text, and what catches it."""

from __future__ import annotations

from tests.durability.checks import Check, broken_disk, doubt, edits, kills, power_loss, two_processes
from tests.simulation.planting import Fault

__all__ = ["FAULTS"]

_RECORDED = "            recorder.record(facts)\n            return []\n"

FAULTS: list[tuple[Fault, Check]] = [
    # what is on the disk
    (Fault("commits are not synced", "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"), power_loss),
    (Fault("commits are synced now and then", "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"), power_loss),
    (
        Fault(
            "the name of the bundle is not synced",
            "            sync_directory(directory)\n            sync_directory(directory.parent)\n",
            "            sync_directory(directory)\n",
        ),
        power_loss,
    ),
    (
        Fault(
            "artifacts are not synced",
            "        os.fsync(file.fileno())\n        return file.tell()",
            "        return file.tell()",
        ),
        power_loss,
    ),
    (
        Fault(
            "of a group only the first record is written",
            'content = b"".join(lines)',
            "content = lines[0]",
        ),
        power_loss,
    ),
    (
        Fault(
            "after a failed commit it goes on as if nothing had happened",
            'self.failure = cause or JournalError(self._database.path, f"cannot be written: {error}")',
            "_log.debug(cause)",
        ),
        broken_disk,
    ),
    # who acts before the commit
    (
        Fault(
            "dependents and observers hear before the commit",
            _RECORDED,
            "            recorder.record(facts)\n"
            "            self._steps[-1] = ([], [], is_last)\n"
            "            self._follow([], events)\n            return starts\n",
        ),
        power_loss,
    ),
    (
        Fault(
            "observers hear before the commit",
            "            self._steps.append((starts, events, is_last))\n",
            "            self._follow([], events)\n            self._steps.append((starts, [], is_last))\n",
        ),
        power_loss,
    ),
    (
        Fault(
            "calls go out while their start is written",
            _RECORDED,
            "            self._steps[-1] = ([], events, is_last)\n"
            "            recorder.record(facts)\n            return starts\n",
        ),
        doubt,
    ),
    # what is written, and how it is read
    (
        Fault(
            "a start is not written",
            "facts.append(AttemptBegan(event.task_id, event.number, event.at))",
            "pass",
        ),
        doubt,
    ),
    (
        Fault("what is in doubt is forgotten", "    record.in_doubt[fact.task_id] = attempt\n", ""),
        doubt,
    ),
    (
        Fault(
            "a result is written twice",
            "facts.append(_completed(result) if type(result) is FirstTry else TaskEnded(result))",
            "facts += [_completed(result) if type(result) is FirstTry else TaskEnded(result)] * 2",
        ),
        kills,
    ),
    (
        Fault(
            "the last row is not read",
            '"SELECT number, content FROM entries ORDER BY number"',
            '"SELECT number, content FROM entries WHERE number = 1 OR number < (SELECT max(number) FROM entries)"',
        ),
        kills,
    ),
    (
        Fault(
            "the last line of a row is not read",
            'in row.split(b"\\n")[:-1]:\n            yield from read_line(line)',
            'in row.split(b"\\n")[: max(1, row.count(b"\\n") - 1)]:\n            yield from read_line(line)',
        ),
        kills,
    ),
    (
        Fault(
            "what is in doubt is tried again with another key",
            "{task_id: before.get(task_id, 0) + 1 for task_id in self.plan.anew}",
            "{task_id: before.get(task_id, 0) + 1 for task_id in self.plan.why}",
        ),
        kills,
    ),
    (
        Fault(
            "a changed definition is not seen",
            "if found := differences(self._old[task_id], self._new[task_id]):",
            "if found := differences(self._old[task_id], self._old[task_id]):",
        ),
        edits,
    ),
    # whose it is
    (
        Fault(
            "several may have the lock",
            "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
            "fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        ),
        two_processes,
    ),
    (
        Fault(
            "a dead owner keeps the lock",
            "descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)",
            "descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)",
        ),
        kills,
    ),
]
