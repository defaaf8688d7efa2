"""Our top-level packages have common names, and PyPI's process manager is called `supervisor` too."""

import importlib.metadata
from typing import Final

from protocols.errors import SettingsError

OUR_PACKAGES: Final = ("protocols", "actors", "supervisor")
OUR_DISTRIBUTION: Final = "upbitd"


def check_names() -> None:
    """See that `protocols`, `actors` and `supervisor` are this project's own.

    Raises:
        SettingsError: another distribution provides one of the names. (That one shadows ours altogether is seen
            before anything of it is imported, in `upbitd.py`.)
    """
    distributions = importlib.metadata.packages_distributions()
    for package in OUR_PACKAGES:
        others = set(distributions.get(package, [])) - {OUR_DISTRIBUTION}
        if others:
            name = min(others)
            raise SettingsError(
                f"the installed distribution {name!r} also provides the package {package!r}; "
                f"remove it (pip uninstall {name}) or give upbitd an environment of its own"
            )
