"""What a workload is: a real or simulated system whose jobs are to be tuned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from poolwise.schema import Status
from poolwise.space import ArmSpace


class Job(NamedTuple):
    """One thing to do, for which an arm is chosen."""

    project: str
    context: str
    name: str
    """Names the input within its project; the same name is the same input."""
    features: Mapping[str, Any] | None = None
    """What is known of it, by name; a text is read as the feature is declared."""


class Measurement(NamedTuple):
    """What one job cost with one arm, and with the baseline. Costs and walls are seconds."""

    status: Status
    cost: float
    """Everything the caller paid for an answer: with `failed` and `timeout` the baseline's run is included."""
    baseline_cost: float
    wall: float
    """The same in wall time, which carries the machine's noise."""
    baseline_wall: float
    detail: str = ""
    """Why it failed, in words; empty where nothing is worth saying."""
    baseline_failed: bool = False
    """The baseline gave no answer either."""


class Workload(Protocol):
    """A system under tuning. Close it when done, or use it in a `with` statement."""

    @property
    def space(self) -> ArmSpace: ...

    @property
    def projects(self) -> Sequence[str]: ...

    @property
    def contexts(self) -> Sequence[str]: ...

    def jobs(self, seed: int, projects: Sequence[str] | None = None) -> Iterator[Job]:
        """The endless stream of jobs of these projects (all by default): a function of its arguments alone."""
        ...

    def prepare(self, job: Job) -> None:
        """Start in the background on what `measure` will need whichever arm is chosen. May do nothing."""
        ...

    def measure(self, job: Job, family: str, params: dict[str, Any]) -> Measurement:
        """Do the job with this arm. Raises WorkloadError only where the system itself cannot be run."""
        ...

    def close(self) -> None:
        """End whatever still runs.

        A workload whose baselines are dear has a method `recall` too, which is told before the first job what they came
        to in earlier runs on the same store; see `workloads.command.Command.recall`.
        """
        ...
