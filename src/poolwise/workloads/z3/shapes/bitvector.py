"""Bit-vectors: factoring, hashes, overflow checks, calendars."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, bits


def factoring(rng: Random, width: int, composite: bool) -> Goal:
    """Does a number split into two factors? From: multiplier verification and arithmetic puzzles."""
    script = Script()
    x, y = script.declare(f"(_ BitVec {2 * width})", "x", 2)
    low, high = 2 ** (width - 1), 2**width
    primes = [number for number in range(low, high) if _is_prime(number)]
    value = rng.choice(primes) * rng.choice(primes)
    while not composite and not _is_prime(value):
        value = rng.randrange(low * low, high * high)
    for name in (x, y):
        script.require(f"(bvult {name} {bits(high, 2 * width)})", f"(bvugt {name} {bits(1, 2 * width)})")
    script.require(f"(bvule {x} {y})", f"(= (bvmul {x} {y}) {bits(value, 2 * width)})")
    return script.goal("sat" if composite else "unsat")


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def mixing(rng: Random, width: int, rounds: int) -> Goal:
    """Which input gives this hash? From: symbolic execution of checksums and hash tables. Planted: there is one."""
    script, mask, kind = Script(), 2**width - 1, f"(_ BitVec {width})"
    value, (term,) = rng.getrandbits(width), script.declare(kind, "x", 1)
    for turn in range(rounds):
        shift, odd, add = rng.randint(2, width // 2), rng.getrandbits(width) | 1, rng.getrandbits(width)
        (fresh,) = script.declare(kind, f"h{turn}_", 1)
        mixed = f"(bvxor {term} (bvlshr {term} {bits(shift, width)}))"
        script.require(f"(= {fresh} (bvadd (bvmul {mixed} {bits(odd, width)}) {bits(add, width)}))")
        value, term = ((value ^ (value >> shift)) * odd + add) & mask, fresh
    script.require(f"(= {term} {bits(value, width)})")
    return script.goal("sat")


def overflow(rng: Random, width: int, terms: int) -> Goal:
    """Can a sum of bounded products wrap around? From: overflow checks of compilers. The bounds exclude it."""
    script = Script()
    names = script.declare(f"(_ BitVec {width})", "x", 2 * terms)
    bound = int(((2 ** (width - 1) - 1) / terms) ** 0.5)
    bounds = [(left, bound * bound // left) for left in (rng.randint(bound // 2, bound) for _ in range(terms))]
    total = bits(0, width)
    for (left, right), one, two in zip(bounds, names[::2], names[1::2], strict=True):
        script.require(f"(bvult {one} {bits(left, width)})", f"(bvult {two} {bits(right, width)})")
        total = f"(bvadd {total} (bvmul {one} {two}))"
    script.require(f"(bvslt {total} {bits(0, width)})")
    return script.goal("unsat")


def calendar(rng: Random, width: int, people: int) -> Goal:
    """A common free slot of people who may rotate their calendars a little. From: planning meetings and maintenance.

    Calendars are bit masks; planted: there is such a slot.
    """
    script, kind = Script(), f"(_ BitVec {width})"
    turn, (slot,) = script.declare(kind, "r", people), script.declare(kind, "m", 1)
    place, zero = rng.randrange(width), bits(0, width)
    script.require(f"(distinct {slot} {zero})", f"(= (bvand {slot} (bvsub {slot} {bits(1, width)})) {zero})")
    for name in turn:
        mask = sum(1 << bit for bit in range(width) if rng.random() < 0.15)
        mask |= 1 << ((place - rng.randrange(width // 4)) % width)
        free, rest = bits(mask, width), f"(bvsub {bits(width, width)} {name})"
        turned = f"(bvor (bvshl {free} {name}) (bvlshr {free} {rest}))"
        script.require(f"(bvult {name} {bits(width // 4, width)})", f"(distinct (bvand {slot} {turned}) {zero})")
    return script.goal("sat")
