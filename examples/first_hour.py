# %% [markdown]
# # The first hour
#
# A compressor with five ways to run, three kinds of files, two teams. What a job costs is made up here, so that the
# whole notebook runs in seconds; open it in Jupyter (jupytext) or run it as a script.

# %%
import numpy as np
import pandas as pd

from poolwise import ArmSpace, Choice, Engine, Family, replay
from poolwise.table import from_rows

space = ArmSpace(
    [Family("gzip", {"level": Choice([1, 6, 9])}), Family("zstd", {"level": Choice([3, 19])})],
    baseline="gzip(level=6)",
)

# %% [markdown]
# ## A system that can be measured
#
# Seconds until a file is over a slow line: each kind of file has its own best way.

# %%
SECONDS = {
    "text": {
        "gzip(level=1)": 9.0,
        "gzip(level=6)": 8.0,
        "gzip(level=9)": 8.5,
        "zstd(level=3)": 5.0,
        "zstd(level=19)": 4.0,
    },
    "image": {
        "gzip(level=1)": 6.0,
        "gzip(level=6)": 7.0,
        "gzip(level=9)": 9.0,
        "zstd(level=3)": 5.5,
        "zstd(level=19)": 12.0,
    },
    "log": {
        "gzip(level=1)": 4.0,
        "gzip(level=6)": 3.0,
        "gzip(level=9)": 2.8,
        "zstd(level=3)": 2.0,
        "zstd(level=19)": 2.2,
    },
}
rng = np.random.default_rng(0)


def seconds(kind, arm):
    """One job, with the noise of a real one."""
    return SECONDS[kind][arm] * rng.lognormal(0.0, 0.1)


# %% [markdown]
# ## Decide, measure, observe

# %%
engine = Engine.open("memory://", space, seed=1)
for job in range(120):
    project, kind = ("web" if job < 80 else "backup"), ("text", "image", "log")[job % 3]
    decision = engine.decide(project, kind)
    engine.observe(decision.id, cost=seconds(kind, decision.arm), baseline_cost=seconds(kind, space.baseline))

# %% [markdown]
# ## What is believed now
#
# The best way for each kind of file, as a speed-up over `gzip -6`.

# %%
beliefs = engine.beliefs()
best = beliefs.loc[beliefs.groupby(["project", "context"])["mean"].idxmax(), ["project", "context", "arm", "mean", "n"]]
best = best.assign(speed_up=np.exp(best["mean"])).drop(columns="mean")
print(best.to_string(index=False))

# %% [markdown]
# ## Why was the last one chosen?

# %%
for sentence in engine.explain(decision.id)["sentences"]:
    print(sentence)

# %% [markdown]
# ## What would another policy have come to?
#
# Where every way was measured on every job, a replay gives exact regret.

# %%
rows = [
    (job, "web", kind, arm.partition("(")[0], arm, seconds(kind, arm))
    for job in range(60)
    for kind in [("text", "image", "log")[job % 3]]
    for arm in SECONDS[kind]
]
frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
table = from_rows(frame, name="files", source="files", baseline=space.baseline)
gained = {name: replay(table, name, seeds=1).summary["utility"].mean for name in ("knowledge_gradient", "greedy")}
print({name: round(float(np.exp(one)), 2) for name, one in gained.items()})
