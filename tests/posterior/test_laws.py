"""What every layout of the posterior must satisfy, on every backend: one table, and all laws over it."""

from typing import NamedTuple

import numpy as np
import pytest

from poolwise.posterior import posterior
from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import compiled, effects, initial
from poolwise.posterior.recursive.types import Structure
from tests.posterior import oracle
from tests.posterior.crossed.test_batch import FAMILY, scales

ARMS = len(FAMILY)
PLAIN = ObservationModel(outliers=None, trust=1.0)


class Form(NamedTuple):
    """A layout of the posterior on a backend."""

    families: int
    shape: tuple[int, int]
    backend: posterior.Backend
    exact: bool = True
    """After every outcome; otherwise once all is pooled."""


FORMS = {
    f"{name}, {backend}": Form(families, shape, backend)
    for name, families, shape in (
        ("arms alone", 0, (4, 3)),
        ("families, cells as coordinates", 2, (4, 3)),
        ("families, cells of the arm", 2, (14, 14)),
    )
    for backend in ("numpy", "jax")
} | {"collapsed": Form(0, (4, 3), "numpy", exact=False)}


@pytest.fixture(params=FORMS)
def form(request, monkeypatch):
    found = FORMS[request.param]
    if not found.exact:
        monkeypatch.setattr(collapsed, "_LARGEST", 1.0)
    return found


def truth(form: Form, seed: int = 1) -> GaussianHyperparameters:
    """Effects of the longer side are the arm's own where that is all that the layout keeps."""
    found = scales(seed, form.families > 0)._replace(spread=np.ones(form.shape[1]))
    if not form.exact:
        found = found._replace(globe=found.globe._replace(project=1e-6))
    if form.families and form.shape != (4, 3):  # cells are the arm's own: families share none
        found = found._replace(family=found.family._replace(cell=0.0), globe=found.globe._replace(cell=0.0))
    return found


def made(
    form: Form, known: GaussianHyperparameters, *, family=FAMILY, room=(0, 0), options: ObservationModel = PLAIN
) -> Posterior:
    index = np.asarray(family) if form.families else np.arange(ARMS)
    fit = Fit(known, index, form.families, False, 0.0, 0, True, np.zeros(0))
    hyperparameters = Hyperparameters(fit, bernoulli.BetaHyperparameters(np.tile((1e9, 1e-3), (ARMS, 1))))
    projects, contexts = (size + more for size, more in zip(form.shape, room, strict=True))
    return Posterior(hyperparameters, 0.0, projects=projects, contexts=contexts, options=options, backend=form.backend)


def outcomes(form: Form, number: int = 80, seed: int = 3) -> tuple[np.ndarray, ...]:
    """The last project has none."""
    random = np.random.default_rng(seed)
    rows = [random.integers(0, size, number) for size in (form.shape[0] - 1, form.shape[1], ARMS)]
    return (*rows, random.normal(0.2, 0.6, number))


def taught(belief: Posterior, rows: tuple[np.ndarray, ...]) -> Posterior:
    for row in zip(*(part.tolist() for part in rows), strict=True):
        belief.update(*row, True)
    return belief


def pooled(belief: Posterior) -> Posterior:
    """What was counted, once more under the same scales."""
    belief.set_hyperparameters(belief.hyperparameters)
    return belief


def tables(belief: Posterior, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    looks = [belief.predict(*at) for at in np.ndindex(*shape)]
    return tuple(np.array([getattr(look, part) for look in looks]).reshape(*shape, -1) for part in ("mean", "scale"))


def same(one: Posterior, other: Posterior, shape: tuple[int, int], tolerance: float = 1e-9) -> None:
    for part, wanted in zip(tables(one, shape), tables(other, shape), strict=True):
        np.testing.assert_allclose(part, wanted, rtol=tolerance, atol=tolerance)


def test_it_is_dense_conditioning(form):
    known, rows = truth(form), outcomes(form)
    belief = taught(made(form, known), rows)
    index = FAMILY if form.families else np.arange(ARMS)
    _, mean, scale = oracle.posterior((*form.shape, ARMS), index, known, rows[:3], rows[3])
    found = tables(belief if form.exact else pooled(belief), form.shape)
    np.testing.assert_allclose(found[0], mean, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found[1], scale, rtol=1e-8)


def test_the_order_of_outcomes_does_not_matter(form):
    known, rows = truth(form), outcomes(form)
    back = tuple(part[::-1] for part in rows)
    one, other = (taught(made(form, known), some) for some in (rows, back))
    same(one if form.exact else pooled(one), other if form.exact else pooled(other), form.shape)


def test_two_halves_are_the_whole(form):
    known, rows = truth(form), outcomes(form, 160)
    halves = made(form, known)
    for part in (slice(80), slice(80, None)):
        halves.update_many(*(column[part] for column in rows), np.ones(80, bool))
    one = taught(made(form, known), rows)
    same(one if form.exact else pooled(one), halves, form.shape)


def test_an_arm_never_seen_is_like_the_others_of_its_family(form):
    known = truth(form)._replace(noise=np.full(ARMS, 0.3))
    rows = outcomes(form)
    seen = np.isin(rows[2], [0, 2])
    belief = taught(made(form, known), tuple(part[seen] for part in rows))
    mean, scale = tables(pooled(belief), form.shape)
    for part in (mean, scale):
        np.testing.assert_allclose(part[..., 3], part[..., 4], rtol=1e-9)


def test_other_names_change_nothing_but_the_order(form):
    known, rows = truth(form)._replace(noise=np.full(ARMS, 0.3)), outcomes(form)
    order = np.array([1, 0, 4, 2, 3])
    swapped = (form.shape[0] - 2 - rows[0], form.shape[1] - 1 - rows[1], order[rows[2]], rows[3])
    one, other = taught(made(form, known), rows), taught(made(form, known), swapped)
    parts = [tables(belief if form.exact else pooled(belief), form.shape) for belief in (one, other)]
    for here, there in zip(*parts, strict=True):
        back = there[:-1][::-1][:, ::-1][..., order]
        np.testing.assert_allclose(here[:-1], back, rtol=1e-9, atol=1e-10)


def test_room_changes_nothing(form):
    known, rows = truth(form), outcomes(form)
    # So little that cells stay coordinates where they were.
    tight, roomy = taught(made(form, known), rows), taught(made(form, known, room=(1, 2)), rows)
    same(pooled(tight), pooled(roomy), form.shape)


def test_another_unit_of_utility_changes_the_unit_alone(form):
    known, rows = truth(form), outcomes(form)
    three = lambda tier: TierScales(*(3 * part for part in tier))
    scaled = known._replace(**{name: three(getattr(known, name)) for name in ("arm", "family", "globe")})
    scaled = scaled._replace(noise=3 * known.noise, mean=3 * known.mean)
    one, other = taught(made(form, known), rows), taught(made(form, scaled), (*rows[:3], 3 * rows[3]))
    for here, there in zip(tables(one, form.shape), tables(other, form.shape), strict=True):
        np.testing.assert_allclose(3 * here, there, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("families", [0, 2])
def test_numpy_is_jax_with_everything_on(families):
    """Robust weights, failures, outcomes cut off, a baseline, trust; estimated, faded, grown in between."""
    beliefs = [
        made(Form(families, (4, 3), backend), scales(2, families > 0), options=ObservationModel())
        for backend in ("numpy", "jax")
    ]
    random = np.random.default_rng(4)
    for number in range(150):
        place = [int(random.integers(size)) for size in (4, 3, ARMS)]
        y, kind = float(2 * random.standard_t(2)), random.integers(8)
        for belief in beliefs:
            belief.update(*place, y, kind != 0, kind == 1)
        if number == 60:
            for belief in beliefs:
                belief.reestimate()
                belief.discount_cell(1, 1, np.linspace(0, 1, ARMS))
                belief.predict(8, 4)
    for at in ((0, 0), (3, 2), (8, 4)):
        for one, other in zip(*(belief.predict(*at) for belief in beliefs), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_a_padded_shape_is_compiled_once_and_no_part_of_the_state_is_copied():
    belief = taught(made(Form(2, (4, 3), "jax"), scales(2)), outcomes(Form(2, (4, 3), "jax"), 20))
    belief.predict(0, 0)
    before = len(compiled._PROGRAMS)
    for at in np.ndindex(4, 4):  # contexts have room for a fourth
        belief.update(*at, 0, 0.1, True)
        belief.predict(*at)
    assert len(compiled._PROGRAMS) == before
    program = compiled.program(belief._serving.structure, *belief._tail)
    tiers = compiled.shapes(belief._serving.structure, lambda *shape: f"f64[{','.join(map(str, shape))}]")[0].effects
    lines = program.text.splitlines()
    assert all(any(tier in line for line in lines) for tier in tiers)
    assert not [line for line in lines if " copy(" in line and any(tier in line for tier in tiers)]
    assert any("xla_cpu_small_call" in line for line in lines)


def test_a_hundred_thousand_outcomes_leave_it_exact():
    known, random = scales(4), np.random.default_rng(4)
    rows = (*(random.integers(0, size, 100_000) for size in (3, 3, ARMS)), random.normal(0, 1, 100_000))
    form = Form(2, (4, 3), "jax")
    one, many = made(form, known), made(form, known)
    taught(one, rows)
    many.update_many(*rows, np.ones(100_000, bool))
    same(one, many, form.shape, 1e-7)


def test_what_is_shared_is_what_a_new_project_has_without_its_own_effects():
    """theta = shared part + fresh effects: their variances must add up."""
    form = Form(0, (4, 3), "numpy")
    known = scales(2, families=False)
    belief = taught(made(form, known), outcomes(form))
    shared, new = belief.predict(0, 1), belief.predict(form.shape[0] - 1, 1)
    fresh = known.globe.project**2 + known.arm.project**2 + known.arm.cell**2
    np.testing.assert_allclose(new.mean, shared.wider_mean[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(new.scale**2, shared.wider_scale[1] ** 2 + fresh, rtol=1e-8)


@pytest.mark.parametrize("families", [0, 2])
def test_an_outcome_moves_what_is_shared_by_the_stated_share_of_what_it_moves_here(families):
    form = Form(families, (4, 3), "numpy")
    belief = taught(made(form, scales(5, families > 0)), outcomes(form))
    for place in ((0, 1), (1, 2), (3, 0)):
        before = belief.predict(*place)
        belief.update(*place, 1, float(before.mean[1]) + 2.0, True)
        after = belief.predict(*place)
        moved = (after.wider_mean - before.wider_mean)[:, 1] / (after.mean - before.mean)[1]
        np.testing.assert_allclose(moved, before.wider_share[:, 1], rtol=1e-6)


def test_a_pass_through_families_is_one_through_every_arm():
    """Families in any order, whether their arms stand together or not."""
    known, shape = scales(6), (4, 4, ARMS)
    cells = CellMoments(*np.random.default_rng(6).uniform(0, 3, (3, *shape)))
    apart, order = np.array([0, 1, 0, 1, 1]), np.array([0, 2, 1, 3, 4])
    looks = []
    for family, at in ((FAMILY, order), (apart, np.arange(ARMS))):
        mine = CellMoments(*(part[..., np.argsort(at)] for part in cells))
        tiers = effects.init(mine, known._replace(noise=np.full(ARMS, 0.3)), family, 2)
        form = Structure(*shape, tuple(family.tolist()), True, True, None, 0).layout
        mean, _, _ = effects.predict(tiers, form, tuple(family.tolist()), ARMS, 0, form.at(1, 2))
        looks.append(mean[:, at])
    np.testing.assert_allclose(*looks, rtol=1e-9)


def test_a_tally_is_what_the_state_holds():
    form = Form(2, (4, 3), "numpy")
    belief = taught(made(form, scales(3)), outcomes(form))
    tally = initial.tally_of(belief._serving.state)
    rows = outcomes(form)
    right = SufficientStatistics.of(*rows, shape=tally.shape)
    for part, wanted in zip(tally.utility, right, strict=True):
        np.testing.assert_allclose(part, wanted, atol=1e-12)
    assert tally.outcomes.sum() == tally.successes.sum() == len(rows[3])
