"""A command-line tool under tuning: every arm is a way to call it, every job one of its inputs."""

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from poolwise.errors import ConfigError, WorkloadError, nearest
from poolwise.space import ArmSpace, arm_id
from poolwise.workloads.base import Job, Measurement
from poolwise.workloads.command import jobs as inputs
from poolwise.workloads.command import rules as verdicts
from poolwise.workloads.command import template
from poolwise.workloads.command.process import Call, Calls
from poolwise.workloads.command.rules import Result

PATIENCE = 5
"""Jobs, the first, on which the baseline fails before the run is given up: the command is wrong, not the jobs."""


class Command:
    """See `workloads.base.Workload`. The baseline is measured once for every job; an arm's answer that fails, or takes
    too long, costs what it took and the baseline's run.

    Args:
        command: words with placeholders: {job} and its parts (`template.FILE`), {family}, {timeout}, {seed}, columns of
            `table`, groups of `pattern`, every parameter of the family by name, and {params}, all of them.
        commands: family -> command, for families that are called otherwise.
        jobs: pattern of files, or a list of patterns, under `folder`. table: a CSV file with a column `job` instead.
        context, project: what a job belongs to, as a text with placeholders. pattern: see `jobs.Rules`.
        features: what is known of a job, by name a text with placeholders, {job.size} among them: the file's bytes.
        parameter: how {params} writes one: a text with {name} and {value}.
        timeout, cost, success_codes, failure_pattern: see `rules.Rules`.
        check: a command with placeholders that ends with 0 where an answer is right; it runs after the arm's.
        folder: where commands run. seed: what {seed} is.
        arms: of [space].

    Raises ConfigError for what cannot be meant, before anything is run.
    """

    def __init__(
        self,
        command: str | None = None,
        commands: Mapping[str, str] | None = None,
        *,
        jobs: str | Sequence[str] | None = None,
        table: str | None = None,
        context: str = "{job.suffix}",
        project: str = "default",
        pattern: str | None = None,
        features: Mapping[str, str] | None = None,
        parameter: str = "--{name}={value}",
        timeout: float = 60.0,
        cost: str = "wall",
        success_codes: Sequence[int] = (0,),
        failure_pattern: str | None = None,
        check: str | None = None,
        folder: str = ".",
        seed: int = 0,
        arms: ArmSpace | None = None,
    ) -> None:
        if arms is None:
            raise ConfigError("a command has no arms of its own: name families and their parameters in [space]")
        _texts(context=context, project=project, parameter=parameter, folder=folder)
        _texts(**{name: text for name, text in (("table", table), ("pattern", pattern)) if text is not None})
        if not isinstance(commands or {}, Mapping):
            raise ConfigError(f"commands = {commands!r} in [workload] must be a table: FAMILY = a command")
        if not isinstance(features or {}, Mapping):
            raise ConfigError(f"features = {features!r} in [workload] must be a table: NAME = a text with placeholders")
        _texts(**{f"features.{name}": text for name, text in (features or {}).items()})
        if not isinstance(success_codes, Sequence):
            raise ConfigError(f"success_codes = {success_codes!r} in [workload] must be a list, such as [0]")
        if not Path(folder).is_dir():
            raise ConfigError(f"folder = {folder!r} in [workload] is no folder: name one that is there")
        self.space, self.folder, self.seed, self.parameter = arms, folder, seed, parameter
        template.check("parameter in [workload]", parameter, ("name", "value"))
        self.rules = verdicts.checked(verdicts.Rules(cost, timeout, tuple(success_codes), failure_pattern))
        self.inputs, self._jobs = inputs.read(
            folder, jobs, table, inputs.Rules(context, project, pattern, dict(features or {}))
        )
        self.projects = tuple(sorted(self.inputs))
        self.contexts = tuple(sorted({job.context for job in self._jobs}))
        self._templates = self._commands(command, dict(commands or {}))
        self._check = None if check is None else self._known("check in [workload]", check, ())
        self._baselines: dict[tuple[str, str], Future[Result]] = {}
        self._lock, self._failures, self._calls = threading.Lock(), 0, Calls()

    def jobs(self, seed: int, projects: Sequence[str] | None = None) -> Iterator[Job]:
        """Passes over all jobs of these projects, each in an order of its own."""
        return inputs.stream(self._jobs, seed, self.projects if projects is None else projects)

    def prepare(self, job: Job) -> None:
        """Nothing: the baseline's call beside another one would disturb both."""

    def measure(self, job: Job, family: str, params: dict[str, Any]) -> Measurement:
        """Call the command, and the baseline's where this job's is not known yet."""
        base = self.baseline(job)
        is_baseline = arm_id(family, params) == self.space.baseline
        found = base if is_baseline else self._run(job, family, params)
        extra = base if found.failure and not is_baseline else Result(0.0, 0.0, "", False)
        return Measurement(
            "timeout" if found.expired else "failed" if found.failure else "ok",
            found.cost + extra.cost,
            base.cost,
            found.wall + extra.wall,
            base.wall,
            found.failure,
            bool(base.failure),
        )

    def recall(self, job: Job, cost: float, wall: float, *, failed: bool) -> None:
        """What the baseline came to on a job in an earlier run: it is not run again."""
        known: Future[Result] = Future()
        expired = failed and wall >= self.rules.timeout
        known.set_result(Result(cost, wall, "the baseline failed on it" if failed else "", expired))
        self._baselines.setdefault((job.project, job.name), known)

    def baseline(self, job: Job) -> Result:
        """What the baseline comes to on a job, measured once, whoever asks first.

        Raises WorkloadError where it fails on each of the first jobs.
        """
        with self._lock:
            known = self._baselines.get((job.project, job.name))
            mine = known is None
            found = self._baselines.setdefault((job.project, job.name), Future())
        if mine:
            try:
                found.set_result(self._run(job, *self._reference))
            except BaseException as error:
                self._baselines.pop((job.project, job.name))
                found.set_exception(error)
                raise
            self._believable(found.result())
        return found.result()

    def close(self) -> None:
        """End every call that still runs."""
        self._calls.close()

    @property
    def _reference(self) -> tuple[str, dict[str, Any]]:
        _, family, params = self.space.arm(self.space.baseline)
        return family, params

    def _believable(self, result: Result) -> None:
        if not result.failure:
            self._failures = PATIENCE
        elif self._failures < PATIENCE:
            self._failures += 1
            if self._failures == PATIENCE:
                raise WorkloadError(
                    f"the baseline failed on each of the first {PATIENCE} jobs ({result.failure}): "
                    "try its command by hand"
                )

    def _run(self, job: Job, family: str, params: Mapping[str, Any]) -> Result:
        values = self._values(job, family, params)
        texts = [
            template.filled(self.parameter, {"name": name, "value": template.shown(value)})
            for name, value in params.items()
        ]
        done = self._call(self._templates[family], values, texts)
        return verdicts.judged(done, self.rules, lambda: self._right(values, texts))

    def _right(self, values: Mapping[str, str], texts: Sequence[str]) -> bool:
        if self._check is None:
            return True
        done = self._call(self._check, values, texts)
        return done.code == 0 and not done.expired

    def _call(self, words: Sequence[str], values: Mapping[str, str], texts: Sequence[str]) -> Call:
        return self._calls.run(template.command(words, values, texts), self.folder, self.rules.timeout)

    def _values(self, job: Job, family: str, params: Mapping[str, Any]) -> dict[str, str]:
        own = {name: template.shown(value) for name, value in params.items()}
        return {**self.inputs[job.project][job.name], **self._general(family), **own}

    def _general(self, family: str) -> dict[str, str]:
        limit = template.shown(float(self.rules.timeout))
        return {"family": family, "timeout": limit, "seed": str(self.seed)}

    def _commands(self, command: str | None, own: dict[str, str]) -> dict[str, list[str]]:
        families = {family.name: family for family in self.space.families}
        for name in own:
            if name not in families:
                raise ConfigError(f"unknown family {name!r} in [workload.commands]{nearest(name, families)}")
        if command is None and (left := sorted(set(families) - set(own))):
            raise ConfigError(
                f"no command for the family {left[0]!r}: set command, or commands.{left[0]}, in [workload]"
            )
        made = {}
        for name, family in families.items():
            place = f"commands.{name} in [workload]" if name in own else "command in [workload]"
            made[name] = self._known(place, own.get(name, command), family.parameters)
        return made

    def _known(self, place: str, text: Any, parameters: Mapping[str, Any] | Sequence[str]) -> list[str]:
        """A command whose placeholders are all filled, and whose program is there."""
        found = template.words(place, text)
        job = self._jobs[0]
        known = {*self.inputs[job.project][job.name], *self._general(""), *parameters, "params"}
        for word in found:
            template.check(place, word, known)
        if not template.placeholders(found[0]) and not self._program(found[0]):
            raise ConfigError(
                f"{place} starts with {found[0]!r}, which is no program here: install it, or give its path"
            )
        return found

    def _program(self, name: str) -> bool:
        return bool(shutil.which(name) or ("/" in name and shutil.which(str(Path(self.folder) / name))))


def _texts(**given: Any) -> None:
    """Raises ConfigError for what is no text that a process can be given."""
    for name, text in given.items():
        if not isinstance(text, str) or "\0" in text:
            raise ConfigError(f"{name} = {text!r} in [workload] must be a text in quotes")
