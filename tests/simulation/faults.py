"""Mistakes that somebody could make in the task manager, each as a small change of today's text."""

from __future__ import annotations

from tests.simulation.planting import Fault

__all__ = ["FAULTS"]


FAULTS = [
    # who starts when
    Fault("one slot too many", "self.free = max_concurrency", "self.free = max_concurrency + 1"),
    Fault(
        "a task starts when all but one of its dependencies completed",
        "if not left and states[dependent] == BLOCKED:",
        "if left <= 1 and states[dependent] == BLOCKED:",
    ),
    Fault(
        "ready tasks start in the order in which they became ready",
        "heappush(self._slots.ready, self._order[dependent])",
        "self._slots.ready.append(self._order[dependent])",
    ),
    Fault(
        "low priority first",
        "return sorted(range(len(ranks)), key=ranks.__getitem__)",
        "return sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True)",
    ),
    Fault("the shortest chain first", "(ranks[task], -ahead[task])", "(ranks[task], ahead[task])"),
    Fault(
        "the slot of a stopped attempt is lost",
        "\n        self._slots.free += 1\n        if self._slots.has_groups:\n            self._slots.leave(task)\n\n",
        "\n        if self._slots.has_groups:\n            self._slots.leave(task)\n\n",
    ),
    Fault(
        "the slot of a stopped attempt is given back twice",
        "self._end_stopped(signal.task, None, now)",
        "self._slots.free += 1; self._end_stopped(signal.task, None, now)",
    ),
    Fault(
        "a resumed run stays as it is until something else happens",
        "if slots.ready and slots.free and self._run_state == GOING:",
        "if slots.ready and slots.free and self._run_state == GOING and type(signal) is not ResumeAsked:",
    ),
    Fault(
        "a pause stops nothing",
        "slots.ready and slots.free and self._run_state == GOING:",
        "slots.ready and slots.free and self._run_state in (GOING, PAUSED):",
    ),
    Fault(
        "a pause does not stop a slot from being handed over",
        "or self._run_state != GOING:",
        "or self._run_state not in (GOING, PAUSED):",
    ),
    Fault(
        "a slot is handed over while others are free for the tasks that became ready",
        "if slots.free or not self._hands_over",
        "if not self._hands_over",
    ),
    Fault(
        "a slot is handed over past its group",
        "if slots.free or not self._hands_over or",
        "if slots.free or",
    ),
    Fault(
        "a run whose last task had nobody to hand over to does not end",
        "        self._end_if_all_ended(now)\n        return NOBODY\n",
        "        return NOBODY\n",
    ),
    Fault(
        "a pause before the run is forgotten",
        "self._run_state = PAUSED if self._pause_asked else GOING",
        "self._run_state = GOING",
    ),
    # groups
    Fault("a group has no limit", "        if self._room[group]:\n", "        if True:\n"),
    Fault("a task never leaves its group", "            self._room[group] += 1\n", "            pass\n"),
    Fault("a task that finds its group full is forgotten", "heappush(self._parked[group], place)", "pass"),
    Fault("a task that ends in front of a full group keeps its turn", "slots.unpark(task)", "pass"),
    # waits and timers
    Fault(
        "an earlier wake-up does not replace a later one",
        "        if instant < self._wake_at:\n",
        "        if self._wake_at == inf:\n",
    ),
    Fault("no wake-up after the first", "        self._wake_at = timers[0][0] if timers else inf\n", ""),
    Fault(
        "a wait that is over while all slots are taken is lost",
        "if state == WAITING and self._wait_until[task] == instant:",
        "if state == WAITING and self._slots.free:",
    ),
    Fault(
        "a hold is over at once",
        "self._wait(task, min(max(now, not_before), now + LONGEST_SECONDS), reason, now)",
        "self._wait(task, now, reason, now)",
    ),
    Fault(
        "a hold may last past the deadline",
        "if deadline is not None and not_before >= deadline:",
        "if False:",
    ),
    # retries
    Fault("one retry too few", "if len(failed_codes) > max_retries:", "if len(failed_codes) >= max_retries:"),
    Fault(
        "one retry too many",
        "if len(failed_codes) > max_retries:",
        "if len(failed_codes) > max_retries + 1:",
    ),
    Fault(
        "what may be repeated once is repeated twice",
        "failed_codes[-1] in failed_codes[:-1]",
        "failed_codes[-1] in failed_codes[:-2]",
    ),
    Fault(
        "what the service asked to wait is ignored",
        "wait = max(random.uniform(0.0, bound), floor)",
        "wait = random.uniform(0.0, bound)",
    ),
    Fault("the backoff does not grow", "backoff.expo(base=2,", "backoff.expo(base=1,"),
    Fault(
        "a wait may reach past the deadline",
        "if deadline is not None and now + wait >= deadline:",
        "if False:",
    ),
    Fault("the jitter does not follow the seed", "Random(seed)", "Random(1)"),
    # deadlines
    Fault("deadlines are ignored", "                if not queue:\n", "                if False:\n"),
    Fault("only the first deadline of a timeout is heeded", "self._set_timer(deadline, DEADLINES_COME, task)", "pass"),
    Fault(
        "the deadline begins anew with each attempt",
        "        return None if timeout is None else self._ledger.first_start[task] + timeout",
        "        return timeout and self._ledger.last_start.get(task, self._ledger.first_start[task]) + timeout",
    ),
    Fault("a waiting task has no deadline", "elif state in (READY, WAITING):", "elif state == WAITING:"),
    Fault("the run has no deadline", "if self._run_deadline is not None:", "if False:"),
    Fault(
        "an attempt that refuses to stop is waited for",
        "self._set_timer(now + self._stop_grace, GRACE_OVER, task)",
        "pass",
    ),
    Fault(
        "an answer after the deadline counts",
        "if outcome.ok and self._stop_reason[task][0] is TaskStatus.CANCELLED:",
        "if outcome.ok:",
    ),
    # ends
    Fault("only direct dependents are skipped", "stack.append(dependent)", "pass"),
    Fault(
        "the dependents of a skipped task do not say what is to blame",
        '{"skipped_because_of": ids[root]}',
        '{"skipped_because_of": ids[task]}',
    ),
    Fault(
        "a task that is being stopped is ended twice",
        "        elif state != STOPPING:\n",
        "        else:\n",
    ),
    Fault(
        "a task cancelled before the run is ended twice",
        "if self._states[early.task] != ENDED:",
        "if True:",
    ),
    Fault(
        "a cancelled run goes on with what waits",
        "            if state not in (ENDED, spared):\n",
        "            if state not in (ENDED, spared, WAITING):\n",
    ),
    Fault(
        "a complete answer is thrown away when the run is cancelled",
        "if outcome.ok and self._stop_reason[task][0] is TaskStatus.CANCELLED:",
        "if False:",
    ),
    Fault(
        "the first failure does not end the run",
        "if self._fail_fast and status is not TaskStatus.CANCELLED:",
        "if False:",
    ),
    Fault(
        "a cancelled task counts as a failure",
        "if self._fail_fast and status is not TaskStatus.CANCELLED:",
        "if self._fail_fast:",
    ),
    # driver
    Fault("of several attempts that start at once one is lost", "for other in starts[1:]:", "for other in starts[2:]:"),
    Fault(
        "a run is heard after its coroutine was cancelled", "        if self._done.done():\n            return\n", ""
    ),
    Fault(
        "an abandoned attempt is still listened to",
        "if worker_of[task] is not worker or done():",
        "if False:",
    ),
    Fault(
        "an attempt that has not begun cannot be stopped",
        "            if task in stopping:\n                if self",
        "            if False:\n                if self",
    ),
    Fault(
        "idle workers stay after the run",
        "                worker.cancel()\n        until =",
        "                pass\n        until =",
    ),
    Fault(
        "the timer stays after the run",
        "        self._set_timer(None)\n        stopping =",
        "        stopping =",
    ),
    Fault(
        "an attempt does not get all outputs before it",
        "for each in self._plan.dependencies[task]}",
        "for each in self._plan.dependencies[task][:1]}",
    ),
    # results
    Fault(
        "tokens are counted twice",
        "before.plus(usage)",
        "before.plus(usage).plus(usage)",
    ),
    Fault("the first attempt counts as a retry", "len(attempts) - 1 if attempts else 0", "len(attempts or ())"),
    Fault(
        "an attempt begins when the task first got a slot",
        "task in self.last_start  # it failed before, or was held",
        "task in self.attempts",
    ),
]
