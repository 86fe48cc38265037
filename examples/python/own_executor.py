"""Let Python do the tasks instead of an AI service: anything with an `attempt` method is an executor.

The scheduler still decides what runs when, retries what may be retried, and writes the same bundle.
"""

import asyncio

from altlas_runner import AltFile, Outcome, Runner, RunnerConfig, Task, TaskAttempt

TEXT = "the quick brown fox jumps over the lazy dog while the cat sleeps"


class WordCounter:
    """Counts words; the second task adds up what its dependencies found."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one attempt: a result, or a failure that says whether another try may help."""
        if attempt.context:
            return Outcome.completed(sum(attempt.context.values()))
        if attempt.task.id == "flaky" and attempt.number == 1:
            return Outcome.failed("NOT_YET", "the first attempt always fails", retry="yes")
        word = (attempt.task.parameters or {})["word"]
        return Outcome.completed(TEXT.split().count(word))


alt_file = AltFile(
    id="count",
    title="Count words",
    tasks=[
        Task(id="the", description="count 'the'", parameters={"word": "the"}),
        Task(id="flaky", description="count 'dog'", parameters={"word": "dog"}, retry_count=2),
        Task(id="total", description="add them up", dependencies=["the", "flaky"]),
    ],
)
runner = Runner(RunnerConfig(output_dir="output"), executor=WordCounter())
last_file = asyncio.run(runner.execute(alt_file))
total = last_file.get_task_result("total")
print(last_file.status, "total:", total.output if total else None)
print("report:", runner.bundle_path(last_file) / "report.html")
