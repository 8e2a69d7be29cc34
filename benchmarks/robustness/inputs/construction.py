"""Making things: parameters, families, spaces, settings, policies, and opening an engine or a store."""

from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.robustness.inputs.room import SPACE, Call, Room, told
from benchmarks.robustness.inputs.values import anything, many, number, or_strange, strange, text, whole
from poolwise import ArmSpace, Choice, Engine, Family, Integer, Real, Settings, policy, space, store
from poolwise.engine import Exploration, Safety

FAMILY = SPACE.family("slow")
SPECS = ["thompson", "floored(thompson)", "safe(curious(ucb))", "safe(", "((", "a" * 5000, "floored(" * 3000]


def construction(random: Random) -> Room:
    """Nothing is kept: what is made is right, or refused."""
    return Room(lambda random: random.choice(CALLS)(random))


def _name(random: Random) -> Any:
    return or_strange(random, lambda r: r.choice(["default", "fast", text(r)]))


def _value(random: Random) -> Any:
    return random.choice([text, whole, number, anything])(random)


def _made_of(kind: Any, random: Random) -> Call:
    """A record of ours with one or two fields of any kind."""
    given = {key: anything(random) for key in random.sample(kind._fields, random.randrange(1, 3))}
    return lambda: kind(**given), told(kind.__name__, given)


def _settings(random: Random) -> Call:
    make, words = _made_of(random.choice([Settings, Settings, Safety, Exploration]), random)

    def call() -> None:
        made = make()
        made = made if isinstance(made, Settings) else Settings(**{type(made).__name__.lower(): made})
        made.checked()
        Engine.open("memory://", SPACE, settings=made).close()

    return call, words


def _parameter(random: Random) -> Call:
    kind = random.choice([Choice, Integer, Real])
    numbers = [or_strange(random, number) for _ in range(random.randrange(2, 5))]
    given = [or_strange(random, lambda r: many(r, _value), 0.9)] if kind is Choice else numbers
    value = anything(random)

    def call() -> None:
        made = kind(*given)
        ArmSpace([Family("default"), Family("f", {"x": made})], "default")
        made.to_dict(), made.grid(), made.encode(made.hold(value))

    return call, told(kind.__name__, *given, value)


def _parameter_call(random: Random) -> Call:
    made = random.choice([Choice(["a", 1, True]), Integer(1, 8), Real(0.1, 10.0, log=True)])
    name, value = random.choice(["encode", "hold", "read"]), anything(random)
    return lambda: getattr(made, name)(value), told(f"{made}.{name}", value)


def _family(random: Random) -> Call:
    usual: dict[str, Callable[[], Any]] = {
        "parameters": lambda: {text(random): random.choice([Integer(1, 4), Choice(["a", "b"]), anything(random)])},
        "conditions": lambda: {"x": {random.choice(["x", "y", text(random)]): many(random, _value)}},
        "forbidden": lambda: [{random.choice(["x", "y", text(random)]): _value(random)}],
        "limit": lambda: random.choice([1, 3, 2**40, whole(random)]),
    }
    keys, name = random.sample([*usual], random.randrange(1, 4)), _name(random)
    given = {"parameters": {"x": Integer(1, 4), "y": Choice(["a", "b"])}}
    given |= {key: or_strange(random, lambda r, key=key: usual[key](), 0.7) for key in keys}  # type: ignore[misc]
    return lambda: ArmSpace([Family("default"), Family(name, **given)], "default"), told("Family", name, given)


def _family_call(random: Random) -> Call:
    name, params = (
        random.choice(["arm", "read"]),
        or_strange(random, lambda r: {"level": _value(r), "share": number(r)}),
    )
    return lambda: getattr(FAMILY, name)(params), told(f"Family.{name}", params)


def _space(random: Random) -> Call:
    named = [(_name(random), or_strange(random, lambda r: {})) for _ in range(random.randrange(3))]
    families, base = or_strange(random, lambda r: None), _name(random)
    given = {key: anything(random) for key in random.sample(["extra", "retired"], random.choice([0, 0, 1]))}

    def call() -> None:
        made = [Family("default"), *(Family(*one) for one in named)] if families is None else families
        ArmSpace(made, base, **given)

    return call, told("ArmSpace", named, families, base, given)


def _space_call(random: Random) -> Call:
    name = random.choice(["add", "arm", "family", "from_dict", "matching", "retire", "arm_id"])
    body = SPACE.to_dict()
    body[random.choice(["families", "baseline", "extra", "retired"])] = random.choice(
        [anything(random), [anything(random)]]
    )
    given = [or_strange(random, lambda r: body if name == "from_dict" else r.choice(["fast", "slow", [text(r)]]))]
    given += [or_strange(random, lambda r: {"level": _value(r), "share": _value(r)})] * (name in ("add", "arm_id"))
    called = space.arm_id if name == "arm_id" else getattr(SPACE, name)
    return lambda: called(*given), told(f"ArmSpace.{name}", *given)


def _policy(random: Random) -> Call:
    if random.random() < 0.5:
        spec = or_strange(random, lambda r: r.choice([*SPECS, text(r)]))
        params = or_strange(random, lambda r: {r.choice(["temperature", "minimum", "x"]): number(r)})
        return lambda: policy.parse(spec, params), told("policy.parse", spec, params)
    name = random.choice(
        ["adaptive", "epsilon_greedy", "information_directed", "knowledge_gradient", "thompson", "ucb"]
    )
    wrapper = random.choice(["", "budgeted", "covered", "curious", "farsighted", "floored", "gated", "macro_micro"])
    numbers = [or_strange(random, number) for _ in range(random.randrange(3))]

    def call() -> None:
        inner = getattr(policy, name)(*numbers[: name not in ("greedy", "uniform")])
        if wrapper:
            getattr(policy, wrapper)(inner, *numbers[: wrapper != "macro_micro"])

    return call, told(f"{wrapper}({name})", *numbers)


def _wrapper(random: Random) -> Call:
    name, inner = random.choice(["budgeted", "covered", "curious", "floored", "paid", "safe"]), strange(random)
    return lambda: getattr(policy, name)(inner), told(name, inner)


def _engine(random: Random) -> Call:
    given: dict[str, Any] = {"url": "memory://", "space": SPACE, "seed": 1, "settings": Settings(), "policy": None}
    for key in random.sample([*given], random.randrange(1, 3)):
        given[key] = anything(random)
    return lambda: Engine.open(given.pop("url"), given.pop("space"), **given).close(), told("open", given)


def _store(random: Random) -> Call:
    urls = [
        "memory://",
        "sqlite://",
        "sqlite:///new.db",
        "sqlite:///./",
        "sqlite:////",
        "sqlite:///no/where.db",
        "s.db",
    ]
    url = or_strange(random, lambda r: r.choice([*urls, f"sqlite:///{text(r)}"]))
    keys = random.sample(["seed", "create", "look", "lock_wait", "durability"], random.randrange(3))
    given = {key: anything(random) for key in keys}
    return lambda: store.open_store(url, **given).close(), told("open_store", url, given)


CALLS = [_settings, _parameter, _parameter_call, _family, _family_call, _space, _space_call, _policy, _wrapper, _engine]
CALLS += [_store]
