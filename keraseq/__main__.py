"""`python -m keraseq` is the command line."""

from keraseq.cli import main

if __name__ == "__main__":
    main()
