"""What every policy must hold, for every rule, every wrapper around it, two wrappers in any order, every mask."""

from functools import cache
from itertools import permutations

import jax
import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.policy.parsing import RULES, WRAPPERS

from .views import ARMS, FAMILY, MASKS, VIEWS, permuted, traced
from .views import view as make_view

APART = set(map(frozenset, [("safe", "paid"), ("curious", "adaptive"), ("farsighted", "knowledge_gradient")]))
"""Layers that read the same constants and so cannot be in one policy."""
LAYERS = [*RULES, *(f"{w}({r})" for w in WRAPPERS for r in RULES if frozenset({w, r}) not in APART)]
STACKS = [f"{a}({b}(thompson))" for a, b in permutations(WRAPPERS, 2) if frozenset({a, b}) not in APART]
SPECS = [*LAYERS, *STACKS]
TRACED = [*RULES, *(f"{wrapper}(thompson)" for wrapper in WRAPPERS)]


def probabilities(spec, view):
    policy = policies.parse(spec)
    return policy.probabilities(policy.params, view)


@pytest.mark.parametrize("spec", SPECS)
def test_a_distribution_over_what_is_allowed(spec):
    for name, view in VIEWS.items():
        chances = probabilities(spec, view)
        assert chances.shape == (ARMS,), name
        assert np.all(chances >= 0), name
        assert abs(chances.sum() - 1) <= 1e-12, name
        assert np.all(chances[~view.allowed] == 0), name


@pytest.mark.parametrize("spec", SPECS)
def test_renaming_arms_renames_probabilities(spec):
    order = np.array([3, 0, 5, 1, 4, 2])
    for name, view in VIEWS.items():
        expected = probabilities(spec, view)[order]
        # Order breaks ties and so moves quadrature nodes: equal within a hundredth of the quadrature's own error.
        np.testing.assert_allclose(probabilities(spec, permuted(view, order)), expected, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("spec", SPECS)
def test_a_single_allowed_arm_gets_everything(spec):
    for arm in range(ARMS):
        only = VIEWS["usual means, usual scales, all"]._replace(allowed=np.arange(ARMS) == arm)
        np.testing.assert_array_equal(probabilities(spec, only), np.arange(ARMS) == arm)


@pytest.mark.parametrize("spec", SPECS)
def test_leading_axes_are_as_many_views(spec):
    rows = [VIEWS[f"usual means, usual scales, {mask}"] for mask in MASKS]
    stack = {name: np.stack([getattr(v, name) for v in rows], axis=-2) for name in rows[0]._fields[:5]}
    wider = {name: np.stack([getattr(v, name) for v in rows], axis=-2) for name in ("wider_mean", "wider_scale")}
    batch = rows[0]._replace(**stack, **wider)
    np.testing.assert_allclose(probabilities(spec, batch), [probabilities(spec, v) for v in rows], atol=1e-6)


@cache
def compiled(spec):
    """Probabilities and the gradient of one of them in means, scales and constants; compiled once per spec."""
    policy = policies.parse(spec)

    def arm_three(params, mean, scale, view):
        chances = policy.probabilities(params, view._replace(mean=mean, scale=scale, family=FAMILY, baseline=0))
        return chances[3], chances

    return jax.jit(jax.grad(arm_three, argnums=(0, 1, 2), has_aux=True))


@pytest.mark.parametrize("spec", TRACED)
def test_numpy_and_jax_agree_and_gradients_are_finite(spec):
    params = policies.parse(spec).params
    single = traced(VIEWS["usual means, usual scales, all"])
    jax.eval_shape(compiled(spec), params, single.mean, single.scale, single)  # Must leave nothing behind.
    with jax.enable_x64(True):
        for name in list(VIEWS)[::7]:
            view = traced(VIEWS[name])
            gradients, chances = compiled(spec)(params, view.mean, view.scale, view)
            np.testing.assert_allclose(chances, probabilities(spec, VIEWS[name]), atol=1e-6, err_msg=name)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients)), name


@pytest.mark.parametrize("spec", SPECS)
def test_written_down_and_built_again(spec):
    policy = policies.parse(spec)
    again = policies.parse(policy.spec, policy.params)
    assert (again.spec, again.params) == (policy.spec, policy.params)
    assert policy.spec == spec


def test_arms_that_are_not_allowed_do_not_matter():
    whole = make_view([0.1, 0.2, 0.0, 0.3], [0.2, 0.3, 0.1, 0.3], [True, True, False, True])
    part = make_view([0.1, 0.2, 0.3], [0.2, 0.3, 0.3])
    for spec in RULES:
        np.testing.assert_allclose(probabilities(spec, whole)[[0, 1, 3]], probabilities(spec, part), atol=1e-9)


def test_many_cells_with_contexts_of_their_own():
    """(cells, arms) views with (cells, 1) context scalars answer as the cells do one by one."""
    cells = [VIEWS[f"usual means, usual scales, {mask}"] for mask in list(MASKS)[:2]]
    cells = [
        cell._replace(context=cell.context._replace(share=0.4 * k, outcomes=10.0 * k)) for k, cell in enumerate(cells)
    ]
    stack = {name: np.stack([getattr(cell, name) for cell in cells]) for name in cells[0]._fields[:5]}
    wider = {name: np.stack([getattr(cell, name) for cell in cells], axis=1) for name in ("wider_mean", "wider_scale")}
    scalars = type(cells[0].context)(
        *(np.array(column)[:, None] for column in zip(*(c.context for c in cells), strict=True))
    )
    batch = cells[0]._replace(**stack, **wider, context=scalars)
    for spec in ("farsighted(macro_micro(thompson))", "covered(curious(epsilon_greedy))", "adaptive"):
        np.testing.assert_allclose(probabilities(spec, batch), [probabilities(spec, c) for c in cells], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["information_directed", "macro_micro(thompson)"])
def test_gradients_are_finite_in_single_precision(spec):
    """JAX confuses traces of one function in two precisions within a process, hence the clean slate."""
    jax.clear_caches()
    run = compiled.__wrapped__(spec)
    for mask in MASKS:
        seen = traced(VIEWS[f"usual means, usual scales, {mask}"])
        gradients, _ = run(policies.parse(spec).params, seen.mean, seen.scale, seen)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    jax.clear_caches()
