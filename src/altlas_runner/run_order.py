"""What a run is made from, whether it begins or goes on, and how its bundle is made ready."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from altlas_runner.alt_file import AltFile, AltParser, validate_alt_file
from altlas_runner.alt_file.reference_checks import secret_inputs
from altlas_runner.alt_file.references import is_reference
from altlas_runner.alt_file.resolving import look_up
from altlas_runner.alt_file.selection import Selection
from altlas_runner.errors import AltValidationError, BundleError, ConfigurationError, ReferenceNotFoundError
from altlas_runner.execution import NO_PREFERENCES, Preferences
from altlas_runner.last_file import LastFile, LastFileGenerator
from altlas_runner.provenance import facts_about
from altlas_runner.redaction import Redactor, secrets_in
from altlas_runner.results import Artifact
from altlas_runner.run_journal import FoundRun, JournalCleaning, RunDescription, begin_journal
from altlas_runner.task_manager.journal import Fact, JournalWriter, TasksReopened
from altlas_runner.task_manager.journal.resuming import ResumeChoice, ResumePlan, plan_resume, secrets_needed
from altlas_runner.task_manager.manager import new_run_id
from altlas_runner.task_manager.plan import Restored

__all__ = ["RunOrder"]

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One run, before anything of it happens.

    Attributes:
        alt_file: what is run.
        chosen: the same with the tasks alone that are meant to run.
        selection: which those are; empty for all.
        inputs: the values given to the run.
        provenance: facts about where the run comes from.
        redactor: takes out the secrets of the file and of the inputs.
        directory: of the bundle; its name is the run's id.
        started_at: when the run began.
        settings: how the run is configured, as far as a resume should know.
        preferences: what the AI service is asked for where a task does not say.
        found: the run that goes on; None for a new one.
        plan: what of it runs; None for a new one.
    """

    alt_file: AltFile
    chosen: AltFile
    selection: Selection
    inputs: Mapping[str, Any]
    provenance: Mapping[str, str]
    redactor: Redactor
    directory: Path
    started_at: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    preferences: Preferences = NO_PREFERENCES
    found: FoundRun | None = None
    plan: ResumePlan | None = None

    @classmethod
    def new(
        cls,
        alt: AltFile | Path | str,
        output_dir: Path,
        inputs: Mapping[str, Any],
        selection: Selection | None,
        provenance: Mapping[str, str],
        settings: Mapping[str, Any],
        run_id: str | None,
        preferences: Preferences,
    ) -> RunOrder:
        """A run of a file from its beginning, with this id or a new one.

        Raises:
            AltParseError: the file cannot be read, or has errors and is to be cut.
            ConfigurationError: the selection makes no sense.
        """
        alt_file = alt if isinstance(alt, AltFile) else AltParser().parse_from_path(alt)
        return cls(
            alt_file,
            selection.apply_to(_checked(alt_file)) if selection else alt_file,
            selection or Selection(),
            inputs,
            {**facts_about(alt), **provenance},
            _redactor(alt_file, inputs),
            output_dir / (run_id or new_run_id()),
            datetime.now(UTC),
            settings,
            preferences,
        )

    @classmethod
    def resumed(
        cls,
        found: FoundRun,
        alt: AltFile | Path | str | None,
        inputs: Mapping[str, Any],
        choice: ResumeChoice,
        settings: Mapping[str, Any],
        *,
        strict: bool,
    ) -> RunOrder:
        """A run that goes on, with another file than before or the same.

        Raises:
            AltParseError: the file cannot be read or has errors.
            ConfigurationError: a task is not there, a secret is missing, or `strict` refuses.
        """
        latest = found.latest
        alt_file, before = latest.tasks_meant()
        now, selection = before, latest.selected()
        inputs = {**latest.inputs, **inputs}
        provenance = dict(latest.provenance)
        if alt is not None:
            alt_file = _checked(alt if isinstance(alt, AltFile) else AltParser().parse_from_path(alt), inputs)
            now = selection.apply_to(alt_file) if selection else alt_file
            provenance |= facts_about(alt)
        redactor = _redactor(alt_file, inputs)
        plan = plan_resume(found.record, (before, latest.inputs), (now, redactor.value(inputs)), choice)
        if strict and plan.changed:
            changed = [f'"{task_id}", because {plan.why[task_id]}' for task_id in plan.changed]
            raise ConfigurationError(f"strict: tasks that have ended would run again: {_some(changed)}")
        _refuse_without_secrets(plan, now, inputs, f"altlas-runner resume {found.directory} FILE")
        return cls(
            alt_file,
            now,
            selection,
            inputs,
            provenance,
            redactor,
            found.directory,
            found.first.started_at,
            {**latest.settings, **settings},
            found=found,
            plan=plan,
        )

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.directory.name

    @property
    def artifacts(self) -> list[Artifact]:
        """Those that are in the bundle already and stay."""
        return [each for result in (self.plan.kept.values() if self.plan else ()) for each in result.artifacts or ()]

    @property
    def restored(self) -> Restored | None:
        """What is known of the tasks from before."""
        if self.plan is None or self.found is None:
            return None
        return self.plan.restored(self.chosen, self.found.record)

    @property
    def editions(self) -> dict[str, int]:
        """How often a task was asked for something new, by id."""
        if self.plan is None or self.found is None:
            return {}
        before = self.found.record.editions
        return before | {task_id: before.get(task_id, 0) + 1 for task_id in self.plan.anew}

    async def made_ready(
        self, generator: LastFileGenerator, redactor: Redactor, *, journal: bool
    ) -> JournalWriter | None:
        """The same in a thread, for a disk takes its time; when this is cancelled, all is as it was before."""
        making = asyncio.create_task(asyncio.to_thread(self.make_ready, generator, redactor, journal=journal))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait([making])
            if making.exception() is None:
                await asyncio.to_thread(self._take_back, generator, making.result())
            raise

    def make_ready(self, generator: LastFileGenerator, redactor: Redactor, *, journal: bool) -> JournalWriter | None:
        """Make the directory of the bundle and the journal, if there is to be one, or go on with it. It may block.

        Args:
            generator: of the bundle.
            redactor: takes out all secrets, also those of the configuration.
            journal: whether a new run has one.

        Raises:
            BundleError: they cannot be made or written; nothing new is left behind.
        """
        if self.found is not None and self.plan is not None:
            generator.artifact_store(self.run_id).remove_others([*self.artifacts, *_artifacts_in(self.directory)])
            facts: list[Fact] = [self._description(redactor).fact()]
            if self.plan.reopened or self.plan.anew:
                facts.append(TasksReopened(self.plan.reopened, self.plan.anew))
            return self.found.go_on(JournalCleaning(redactor, self.chosen), facts)
        generator.make_directory(self.run_id)
        try:
            return (
                begin_journal(self.directory, self._description(redactor), JournalCleaning(redactor, self.chosen))
                if journal
                else None
            )
        except BaseException:
            generator.remove_directory(self.run_id)
            raise

    def without_bundle(self, error: BundleError, journal: JournalWriter | None) -> BundleError:
        """The same error, which also says what of the run is lost with its bundle, and what is not."""
        resume = f"when that is mended, altlas-runner resume {self.directory}"
        if journal is None:
            rest = "the results of the run are lost, for it kept no journal"
        elif journal.failure is None:
            rest = f"no result is lost, the journal has them: {resume} writes the bundle"
        else:
            rest = f"nor could the journal be; what it has of the run is not lost: {resume} goes on from there"
        return BundleError(error.path, f"{error.reason}; {rest}")

    def _take_back(self, generator: LastFileGenerator, journal: JournalWriter | None) -> None:
        if self.found is not None and journal is not None:
            journal.close()
            return
        if journal is not None:
            journal.remove()
        generator.remove_directory(self.run_id)

    def _description(self, redactor: Redactor) -> RunDescription:
        return RunDescription.of(
            self.run_id,
            self.started_at,
            self.alt_file,
            self.inputs,
            self.selection,
            self.provenance,
            self.settings,
            redactor,
        )


def _checked(alt_file: AltFile, inputs: Mapping[str, Any] | None = None) -> AltFile:
    """The file, when it has no error: only a sound graph can be cut."""
    diagnostics = validate_alt_file(alt_file, inputs)
    if any(diagnostic.severity == "error" for diagnostic in diagnostics):
        raise AltValidationError(diagnostics)
    return alt_file


def _redactor(alt_file: AltFile, inputs: Mapping[str, Any]) -> Redactor:
    in_file = {text for text in secrets_in(alt_file.model_dump()) if not is_reference(text)}
    used_as_keys: set[str] = set()
    for reference in secret_inputs(alt_file):
        with suppress(ReferenceNotFoundError):  # the run is going to be refused
            used_as_keys |= secrets_in({"secret": look_up(reference, {}, inputs)})
    return Redactor({*in_file, *secrets_in(dict(inputs)), *used_as_keys})


def _refuse_without_secrets(plan: ResumePlan, now: AltFile, inputs: Mapping[str, Any], command: str) -> None:
    """Ask for what the journal does not keep: secrets in the file, when it comes from the journal, and in inputs."""
    tasks, names = secrets_needed(plan, now, inputs)
    if tasks:
        named = _some([f'"{task_id}"' for task_id in tasks])
        raise ConfigurationError(
            f"tasks that are to run hold secrets, and the journal keeps none ({named}): "
            f"give the ALT file again, {command}"
        )
    if names:
        raise ConfigurationError(f"inputs hold secrets, and the journal keeps none; give them again: {_some(names)}")


def _some(texts: list[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _artifacts_in(directory: Path) -> list[Artifact]:
    """Those of a LAST file that is there already: it stays readable until the next one takes its place."""
    try:
        return LastFile.from_path(directory).get_all_artifacts()
    except BundleError:
        return []
