"""The posterior that serves, one outcome at a time: pure functions over one pytree, on NumPy and under `jax.jit`.

Read `types`, then `updating` and `prediction`, then the parts that it is made of: `effects` (crossed Gaussian
effects), `exchangeability` (is a project like the others), `initial` (from statistics), `compiled` (one call).
"""
