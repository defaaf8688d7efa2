"""The settings of a demo: the default tree, with the simulated exchange as the first child and made-up keys."""

import secrets
from pathlib import Path
from typing import Any, Final

from supervisor.specs.settings import Settings, read_toml, settings_from

HOST: Final = "127.0.0.1"
EXCHANGE_ENTRY: Final = "actors.exchange.actor:run"
ACCESS_KEY: Final = "UPBITD_ACCESS_KEY"
SECRET_KEY: Final = "UPBITD_SECRET_KEY"  # noqa: S105 - the name of a variable

CONNECTIONS: Final = ("public", "private")


def demo_settings(defaults: Path, port: int, *, locks: Path) -> Settings:
    """Put the simulated exchange on `port` below the tree of the file `defaults`.

    Locks of accounts go to the folder `locks`. The keys reach `private` the ordinary way, as variables of the
    supervisor's environment would; the owner's own keys and keys file are not looked at.

    Raises:
        SettingsProblems: the file cannot be used.
    """
    tables = read_toml(defaults)
    access_key, secret_key = f"demo-{secrets.token_hex(16)}", secrets.token_hex(32)
    exchange: dict[str, Any] = {"host": HOST, "port": port, "access_key": access_key, "secret_key": secret_key}
    tables["exchange"] = {**tables.get("exchange", {}), "websocket_url": f"ws://{HOST}:{port}"}
    for child in tables["child"]:
        if child["name"] == "private":
            child["settings"] = {**child.get("settings", {}), "keys_file": "", "locks_folder": str(locks)}
    tables["child"].insert(0, {"name": "exchange", "start": EXCHANGE_ENTRY, "settings": exchange})
    return settings_from(tables, variables={ACCESS_KEY: access_key, SECRET_KEY: secret_key})
