"""Which rows of tables and which phrases of README and docs follow from the files in `benchmarks/results`."""

from benchmarks.claims import docs, readme
from benchmarks.claims.rows import Row

ROWS: dict[str, list[Row]] = {
    "README.md": readme.README,
    "docs/configurations.md": docs.CONFIGURATIONS,
    "docs/exploration.md": docs.EXPLORATION,
    "docs/architecture.md": docs.ARCHITECTURE,
    "docs/features.md": docs.FEATURES,
}
PHRASES = docs.PHRASES
