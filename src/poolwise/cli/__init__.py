"""The command line: parse, call one function, print. Heavy libraries are imported in the commands that need them."""

from poolwise.cli.app import main

__all__ = ["main"]
