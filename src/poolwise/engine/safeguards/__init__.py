"""Safety and guarantees: what an arm, a record or a project may still do."""
