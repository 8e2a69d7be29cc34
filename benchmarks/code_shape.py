"""The shape of the code: lengths of files and functions, the largest folder, lines in all.

    python -m benchmarks.code_shape --json benchmarks/results/code_shape.json

Lines of Python under `src` for files and functions (a function's own lines, decorators and docstring included), under
`src`, `tests` and `benchmarks` in all. Another project's sources: `--root DIR --folders PACKAGE`.
"""

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import ROOT
from benchmarks.harness.result import arguments, save

FOLDERS = ("src", "tests", "benchmarks")


def lengths_of_functions(text: str) -> list[int]:
    """Of every function in a module, those inside others too."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def shape(root: Path, folders: tuple[str, ...]) -> dict[str, Any]:
    """Of the first folder, which holds the package, and the lines of all of them."""
    texts = {path: path.read_text() for path in sorted((root / folders[0]).rglob("*.py"))}
    files = {path: text.count("\n") for path, text in texts.items()}
    functions = np.array([length for text in texts.values() for length in lengths_of_functions(text)])
    written = [length for length in files.values() if length]
    folder, most = Counter(path.parent for path in files).most_common(1)[0]
    longest = max(files, key=lambda path: files[path])
    lines = {
        name: sum(path.read_text().count("\n") for path in (root / name).rglob("*.py"))
        for name in folders
        if (root / name).exists()
    }
    return {
        "median file": int(np.median(written)),
        "longest file": files[longest],
        "which file": str(longest.relative_to(root)),
        "median function": int(np.median(functions)),
        "function of the 90th percentile": int(np.percentile(functions, 90)),
        "longest function": int(functions.max()),
        "files in the largest folder": most,
        "which folder": str(folder.relative_to(root)),
        "lines": {**lines, "all": sum(lines.values())},
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--folders", nargs="+", default=list(FOLDERS), help="the package's first")
    options = parser.parse_args()
    found = shape(options.root, tuple(options.folders))
    for name, value in found.items():
        print(f"{name:34} {value}")
    save(options.json, found)


if __name__ == "__main__":
    main()
