"""Writes the manual's pages that are made from the programs: `python -m server.runtime.make_docs [--check] docs`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from server.runtime.item_docs import items_page
from server.runtime.settings_docs import settings_page

PAGES: Mapping[str, Callable[[], str]] = {"settings.md": settings_page, "configuration-items.md": items_page}


def main() -> None:
    """Write the pages into a folder, or check with `--check` that those there are current."""
    check, folder = sys.argv[1] == "--check", Path(sys.argv[-1])
    for name, page in PAGES.items():
        file = folder / name
        if not check:
            file.write_text(page(), encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != page():
            sys.exit(f"{file} is not current: run `make docs`")


if __name__ == "__main__":
    main()
