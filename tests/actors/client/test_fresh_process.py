"""What the library does in a process before anything is wanted: nothing."""

import subprocess
import sys
import textwrap

from tests.tree.running_tree import REPOSITORY, child_environment

COUNTED = """
import sys, threading
print(",".join({"trio", "structlog", "httpx2", "multiprocess"} & sys.modules.keys()), threading.active_count())
"""


def printed_by(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        cwd=REPOSITORY,
        env=child_environment({"UPBITD_AUTOSTART": "0"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_importing_it_loads_neither_trio_nor_structlog_and_starts_no_thread() -> None:
    (said,) = printed_by("import actors.client\n" + COUNTED)
    loaded, threads = said.rsplit(" ", 1)
    assert (loaded, threads) == ("", "1")


def test_making_a_client_outside_of_a_loop_does_nothing_yet() -> None:
    made = "import actors.client\nclient = actors.client.WebSocketClient('early')\nprint(client)\n"
    said, counted = printed_by(made + COUNTED)
    assert said == "<WebSocketClient 'early', idle, 0 subscriptions>"
    assert counted == " 1"


def test_a_client_made_outside_of_a_loop_may_be_asked_and_be_told_what_to_listen_to() -> None:
    said = printed_by(
        """
        from actors.client import WebSocketClient
        client = WebSocketClient("early")
        client.on_gap(print), client.on_state(print), client.on_error(print)
        print(client.get_subscription_count(), client.get_active_symbols(), client.is_connected())
        print(client.health().state)
        """
    )
    assert said == ["0 frozenset() False", "idle"]


def test_a_client_that_was_never_used_needs_no_loop_to_be_cleaned_up_in() -> None:
    said = printed_by(
        """
        import asyncio, sys, threading
        from actors.client import WebSocketClient
        asyncio.run(WebSocketClient("unused").cleanup())
        print("trio" in sys.modules, threading.active_count())
        """
    )
    assert said == ["False 1"]
