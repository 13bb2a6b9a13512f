"""`python -m server`: the same as `vedette-server`."""

from server.runtime.cli import main

if __name__ == "__main__":
    main()
