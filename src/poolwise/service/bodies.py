"""What is sent to the service and what it answers, as JSON; the types of its OpenAPI description."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from poolwise.names import LONGEST
from poolwise.schema import Decision, Status

MOST = 10_000
"""Rows of a batch."""
Name = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Body(BaseModel):
    """Unknown keys, and values of another type, are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Job(Body):
    """What is to be decided; see `Engine.decide`."""

    project: Name
    context: Name
    job: Name | None = None
    available: Annotated[list[Name], Field(max_length=MOST)] | None = None
    features: Annotated[dict[Name, bool | Number | str | None], Field(max_length=1_000)] | None = None


class Jobs(Body):
    """Many at once, from one belief."""

    jobs: Annotated[list[Job], Field(min_length=1, max_length=MOST)]


class Report(Body):
    """What happened after a decision; see `Engine.observe`."""

    id: int
    utility: Number | None = None
    cost: Number | None = None
    baseline_cost: Number | None = None
    status: Status = "ok"


class Reports(Body):
    """Many at once: they are stored together."""

    outcomes: Annotated[list[Report], Field(min_length=1, max_length=MOST)]


class Choice(BaseModel):
    """A decision."""

    id: int
    """Negative: it could not be logged, and no outcome can be reported."""
    project: str
    context: str
    family: str
    params: dict[str, Any]
    arm: str
    probability: float
    reason: str
    time: float
    job: str | None
    view: int


class Choices(BaseModel):
    decisions: list[Choice]


class Learned(BaseModel):
    """`new`: stored, and learned before the next decision; otherwise it was reported before."""

    id: int
    new: bool


class Verdict(BaseModel):
    id: int
    verdict: Literal["new", "repeated", "conflicting", "unknown", "invalid"]
    detail: str | None = None


class Verdicts(BaseModel):
    outcomes: list[Verdict]


class Cell(Body):
    """A project in a context."""

    project: Name
    context: Name


class DrawnRow(Body):
    """What was chosen from a lease."""

    lease: int
    id: int
    arm: Name
    probability: Number


class Exchange(Body):
    """What waits at a front end for one workspace."""

    outcomes: Annotated[list[Report], Field(max_length=MOST)] = []
    drawn: Annotated[list[DrawnRow], Field(max_length=MOST)] = []
    jobs: Annotated[list[Job], Field(max_length=MOST)] = []
    cells: Annotated[list[Cell], Field(max_length=1_000)] = []
    """To be lent."""


class Loan(BaseModel):
    """A lease: the decision of a cell as it stands, by arm, and a block of ids to draw with."""

    first: int
    size: int
    project: str
    context: str
    seed: int
    version: int
    view: int
    arms: list[str]
    families: list[str]
    params: list[dict[str, Any]]
    probabilities: list[float]
    cumulative: list[float]
    reasons: list[str]


class Order(Body):
    """See `Engine.control`."""

    order: Literal["pin", "unpin", "ban", "unban", "freeze", "unfreeze", "stop", "resume", "shadow", "promote"]
    arm: Name | None = None
    project: Name | None = None
    context: Name | None = None


class RefitRequest(Body):
    """See `Engine.refit`."""

    method: Literal["fast", "nuts", "svi"] = "fast"


class SnapshotAnswer(BaseModel):
    id: int
    time: float
    method: str
    status: str
    reason: str
    outcomes: int
    checks: list[dict[str, Any]]


class KeyRequest(Body):
    """A key to be made."""

    name: Name
    role: Literal["observe", "decide", "operator", "admin"]
    workspace: Name | None = None
    """None: that of the path; `*`: every one, for which the caller's key must be of every one, too."""
    project: Name | None = None
    expires_in: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Seconds."""


class KeyAnswer(BaseModel):
    id: str
    name: str
    role: str
    workspace: str
    project: str | None
    created: float
    expires: float | None
    revoked: float | None


class NewKey(KeyAnswer):
    key: str
    """Shown this once."""


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class Exchanged(BaseModel):
    """Part by part as it was asked, row by row; or what kept the writer from the part."""

    outcomes: list[Verdict] | Problem
    drawn: list[tuple[Literal["stored", "over", "wrong"], float]] | Problem
    """Verdict, and the time of the decision."""
    decisions: list[Choice] | Problem
    leases: list[Loan] | Problem
    """None where the writer decides every job itself."""


def choice(made: Decision) -> Choice:
    """A decision as it is answered."""
    return Choice.model_construct(**made._asdict())
