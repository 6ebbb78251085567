"""Where trials run: each executor starts jobs, hears of them, and ends them. The coordinator is the same over all."""
