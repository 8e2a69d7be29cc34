"""The columns of every table, in their order: what statements need of the schema. `file.tables` states the rest."""

HEAD = "0002"
"""Version of the schema: the newest migration."""
NAME = ("kind", "position", "name")
POLICY = ("id", "spec", "params")
ARM_LIST = ("id", "arms")
VIEW = ("id", "project", "context", "policy", "snapshot", "outcomes", "arm_list", "arrays", "layout")
DECISION = ("sequence", "id", "project", "context", "arm", "probability", "view", "time", "reason", "job")
OUTCOME = ("sequence", "decision", "status", "utility", "cost", "baseline_cost", "time")
RECORD = ("id", "kind", "body")
LAYOUT = ("id", "line")
CHECKPOINT = ("name", "outcomes", "decisions", "checksum", "body")
