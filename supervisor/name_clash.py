"""Our top-level packages have common names, and PyPI's process manager is called `supervisor` too."""

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Final

from protocols.errors import SettingsError

OUR_PACKAGES: Final = ("protocols", "actors", "supervisor")
OUR_DISTRIBUTION: Final = "upbitd"


def check_names() -> None:
    """See that `protocols`, `actors` and `supervisor` are this project's own.

    Raises:
        SettingsError: another distribution provides one of the names, or one comes from another place.
    """
    distributions = importlib.metadata.packages_distributions()
    home = Path(__file__).resolve().parent.parent
    for package in OUR_PACKAGES:
        others = set(distributions.get(package, [])) - {OUR_DISTRIBUTION}
        if others:
            name = min(others)
            raise SettingsError(
                f"the installed distribution {name!r} also provides the package {package!r}; "
                f"remove it (pip uninstall {name}) or give upbitd an environment of its own"
            )
        found = _folder_of(package)
        if found != home / package:
            raise SettingsError(
                f"the package {package!r} is found in {found}, not in {home}; "
                "run upbitd from its own environment, without PYTHONPATH to such a package"
            )


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
