"""Where a test's store may lie: by kind, what makes a fresh address of its fixtures."""

URLS = {
    "memory": lambda request: "memory://",
    "sqlite": lambda request: f"sqlite:///{request.getfixturevalue('tmp_path') / 'a.db'}",
    "postgresql": lambda request: request.getfixturevalue("workspace"),
}
