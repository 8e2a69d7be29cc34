"""Events -> statistics -> scales and draws -> gate -> snapshot: the whole of a refit, for every method.

`Engine.refit(method)` finds `propose` by name; see `engine.estimation.refit_request`.
"""

import importlib
import time
from typing import Any

import numpy as np

from poolwise.compute import parsed
from poolwise.engine.estimation.refit_request import NOBODY, RefitData
from poolwise.errors import InputError, RefitError
from poolwise.extras import explained
from poolwise.names import shown
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, to_dict
from poolwise.refit import gate, job_features, options
from poolwise.refit.result import RefitResult
from poolwise.schema import Snapshot

METHODS = {"fast": "methods.closed_form", "nuts": "methods.nuts", "svi": "methods.svi"}
"""Modules of this package whose `run` estimates everything again; loaded when asked for, as some need NumPyro."""


def propose(problem: RefitData, *, method: str = "fast", **given: Any) -> Snapshot:
    """Estimate everything again and judge it. The snapshot says whether it may serve, and why not.

    given: fields of `Options`. Raises InputError for what cannot be meant, DataError for malformed events, RefitError
    where nothing could be estimated.
    """
    chosen = options.checked(given)
    _check_method(method, problem)
    began = time.perf_counter()
    if chosen.save is not None:
        loaded("draws.inference_data").prepare(chosen.save)
    whole = problem if chosen.source is None else _read(chosen.source, problem, chosen)._replace(rows=None)
    asked = job_features.without(whole)
    found = loaded(METHODS[method]).run(asked, chosen)
    checks = gate.checks(asked, found, chosen.limits) if _finite(found) else []
    wrong = gate.verdict(checks) if checks else "the marginal likelihood was not finite"
    diagnostics = plain(
        {
            **found.notes,
            "seconds": time.perf_counter() - began,
            "checks": [check._asdict() for check in checks],
            "rows": asked.outcomes,
            "source": chosen.source,
        }
    )
    serving = job_features.with_slopes(whole, found.hyperparameters, again=method == "fast")
    snapshot = Snapshot(
        id=0,
        time=time.time(),
        parent=None,
        method=method,
        status="rejected" if wrong else "serving",
        reason=wrong or chosen.reason,
        outcomes=problem.outcomes,
        hyper={**to_dict(drop_unknown_contexts(serving, problem)), **problem.labels},
        diagnostics=diagnostics,
    )
    if chosen.save is not None and found.draws.posterior:
        about = {name: value for name, value in snapshot._asdict().items() if name not in ("id", "parent")}
        diagnostics["inference_data"] = loaded("draws.inference_data").write(chosen.save, asked, found, about)
    return snapshot


def _read(source: str, problem: RefitData, chosen: options.Options) -> RefitData:
    executor = parsed(chosen.executor, chosen.workers)
    found: RefitData = loaded("archive.reading").read(source, problem, executor, chosen.progress)
    return found


def _check_method(method: str, problem: RefitData) -> None:
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"refit method {shown(method)} is unknown: use one of {', '.join(METHODS)}")
    if method != "fast" and problem.hyperparameters.gaussian.ground is not None:
        raise RefitError(
            f"method {method} knows no arms that tell of arms with similar parameters, and this store has some: use "
            "method fast, or open it with surface = 'never'"
        )


def drop_unknown_contexts(hyperparameters: Hyperparameters, problem: RefitData) -> Hyperparameters:
    """Without the noise of contexts that only the events from elsewhere have: the next new context is another one."""
    fit, known = hyperparameters.gaussian, sum(name != NOBODY for name in problem.contexts)
    strange = max(len(fit.scales.spread) - known, 0)
    if not strange:
        return hyperparameters
    scales = fit.scales._replace(spread=fit.scales.spread[:known])
    kept = fit.coordinates[: max(len(fit.coordinates) - strange, 0)]
    return hyperparameters._replace(gaussian=fit._replace(scales=scales, coordinates=kept))


def plain(body: Any) -> Any:
    """`body` in JSON's own terms: what is not finite becomes null."""
    if isinstance(body, dict):
        return {name: plain(value) for name, value in body.items()}
    if isinstance(body, list | tuple):
        return [plain(value) for value in body]
    return None if isinstance(body, float) and not np.isfinite(body) else body


def _finite(found: RefitResult) -> bool:
    return found.notes.get("log_evidence", 0.0) is not None


def loaded(name: str) -> Any:
    """A module of this package whose libraries need not be there. Raises MissingLibrary where they are not."""
    try:
        return importlib.import_module(f"poolwise.refit.{name}")
    except ModuleNotFoundError as error:
        raise explained(error) from error
