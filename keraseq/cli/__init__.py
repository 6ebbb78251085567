"""The command line: `keraseq list | describe | data | train | search | leaderboard | predict`."""

from keraseq.cli.app import main

__all__ = ["main"]
