"""``python -m skytells_nb`` is ``skytells-nb``."""

from skytells_nb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
