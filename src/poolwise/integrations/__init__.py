"""Where people already are: other tools' files as tables, and Poolwise inside other tools. Each needs its own extra."""
