"""The private connection actor with its keys missing, refused, mended, and sent back to it by the server."""

import uuid
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio

from actors.connections import private
from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.keys import ACCESS_KEY, SECRET_KEY
from actors.connections.private import PrivateSettings
from protocols.control.messages import Parked, Ready, Unparked
from protocols.upbit.tokens import verify_token
from tests.actors.connections.running_actor import ActorRig, Answer, accept, running, upgrade_server

# Its own in each run: the account's name in the kernel is shared by all that run here, other workers included.
ACCESS, SECRET = f"ACCESS{uuid.uuid4().hex}", "SECRETfedcba9876543210"
FROM_ENVIRONMENT = {ACCESS_KEY: ACCESS, SECRET_KEY: SECRET}


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of accounts go where the test's other files are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def settings_for(url: str, keys_file: Path | str = "") -> PrivateSettings:
    exchange = ExchangeSettings(websocket_url=url, backoff_first_s=0.001, backoff_cap_s=0.001)
    return PrivateSettings(exchange=exchange, keys_file=str(keys_file), retry_parked_s=0.001)


def refuse(status: int, body: bytes = b"") -> Answer:
    return lambda _head: f"HTTP/1.1 {status} X\r\n\r\n".encode() + body


def drop(_head: bytes) -> bytes:
    return b""


def reason_of(rig: ActorRig) -> str:
    return next(message.reason for message in rig.told if isinstance(message, Parked))


async def test_without_keys_it_parks_and_begins_by_itself_when_they_appear(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path)
    path = tmp_path / "keys.toml"
    async with upgrade_server(accept) as server:
        async with running(partial(private.run, rig.actor, settings_for(server.url, path))):
            await rig.until(lambda: rig.publisher.link == "parked")
            assert "keys.toml does not exist" in reason_of(rig)
            assert server.heads == [], "nothing is dialled without keys"
            path.touch(0o600)
            path.write_text(f'access_key = "{ACCESS}"\nsecret_key = "{SECRET}"\n')
            await rig.until(lambda: rig.publisher.link == "up")
        assert verify_token(server.tokens[-1], {ACCESS: SECRET}).access_key == ACCESS
        assert server.heads[-1].startswith(b"GET /websocket/v1/private HTTP/1.1\r\n")
    assert [type(message) for message in rig.told if not isinstance(message, Parked)] == [Ready, Unparked]
    assert [marker[0] for marker in rig.markers] == ["welcome", "down", "up"]


async def test_refused_keys_park_with_the_exchanges_name_of_the_error(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path, FROM_ENVIRONMENT)
    body = b'{"error":{"name":"no_authorization_ip","message":"This is not a verified IP."}}'
    async with (
        upgrade_server(refuse(401, body)) as server,
        running(partial(private.run, rig.actor, settings_for(server.url))),
    ):
        await rig.until(lambda: rig.publisher.link == "parked")
    assert reason_of(rig) == "the exchange refused the keys (HTTP 401, no_authorization_ip)"


async def test_a_lost_connection_after_parking_is_shown_as_one(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path, FROM_ENVIRONMENT)
    async with (
        upgrade_server(refuse(401), drop) as server,
        running(partial(private.run, rig.actor, settings_for(server.url))),
    ):
        await rig.until(lambda: rig.publisher.link == "down")
        state = msgspec.msgpack.decode(await rig.state())
    assert rig.told == [Ready(1), Parked("the exchange refused the keys (HTTP 401)"), Unparked()]
    downs = [(marker[2], marker[4]) for marker in rig.markers if marker[0] == "down"]
    lost = "server ended the connection in the handshake"
    assert downs == [("the exchange refused the keys (HTTP 401)", True), (lost, False)]
    assert (state["link"], state["reason"]) == ("down", lost)


async def test_keys_that_are_refused_again_park_again(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path, FROM_ENVIRONMENT)
    async with (
        upgrade_server(refuse(401), refuse(401), refuse(503), refuse(403)) as server,
        running(partial(private.run, rig.actor, settings_for(server.url))),
    ):
        await rig.until(lambda: len(rig.told) == 4)
    assert [type(message) for message in rig.told] == [Ready, Parked, Unparked, Parked]


async def test_a_secret_key_that_is_a_certificate_parks(tmp_path: Path) -> None:
    pasted = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"
    rig = ActorRig("private", tmp_path, {ACCESS_KEY: ACCESS, SECRET_KEY: pasted})
    async with running(partial(private.run, rig.actor, settings_for("ws://127.0.0.1:1"))):
        await rig.until(lambda: rig.publisher.link == "parked")
        assert "looks like a certificate or SSH key" in reason_of(rig)
        assert pasted not in await rig.everything()


@pytest.mark.parametrize("path", ["~no-such-user-of-this-machine/keys.toml", "k" * 300])
async def test_a_keys_file_that_cannot_be_looked_for_parks(tmp_path: Path, path: str) -> None:
    rig = ActorRig("private", tmp_path)
    async with running(partial(private.run, rig.actor, settings_for("ws://127.0.0.1:1", path))):
        await rig.until(lambda: rig.publisher.link == "parked")
    assert path in reason_of(rig)


def echo_in_body(status: int) -> Answer:
    def answer(head: bytes) -> bytes:
        return refuse(status, head + FROM_ENVIRONMENT[SECRET_KEY].encode())(head)

    return answer


def echo_in_error(head: bytes) -> bytes:
    """As the exchange's own error, with the request in its message and the key in its name."""
    body = msgspec.json.encode({"error": {"name": SECRET, "message": head.decode() + ACCESS}})
    return refuse(401, body)(head)


def echo_as_status_line(head: bytes) -> bytes:
    token = head.split(b"Bearer ")[1]
    return b"Bearer " + token + b"\r\n\r\n"


def echo_in_reason(head: bytes) -> bytes:
    token = head.split(b"Bearer ")[1].split(b"\r\n")[0]
    return b"HTTP/1.1 401 Bearer " + token + b"\r\nX-Echo: " + SECRET.encode() + b"\r\n\r\n"


def echo_in_close(head: bytes) -> bytes:
    reason = b"\x03\xf0" + SECRET.encode() + head.split(b"Bearer ")[1][:80]
    return accept(head) + b"\x88" + bytes((len(reason),)) + reason


ECHOES = {
    "401 body": echo_in_body(401),
    "403 body": echo_in_body(403),
    "400 body": echo_in_body(400),
    "200 body": echo_in_body(200),
    "error": echo_in_error,
    "status line": echo_as_status_line,
    "reason phrase": echo_in_reason,
    "close reason": echo_in_close,
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("place", ["environment", "file"])
async def test_a_server_that_sends_everything_back_makes_nothing_of_it_public(
    tmp_path: Path, echo: Answer, place: str
) -> None:
    keys_file: Path | str = ""
    if place == "file":
        keys_file = tmp_path / "keys.toml"
        keys_file.touch(0o600)
        keys_file.write_text(f'access_key = "{ACCESS}"\nsecret_key = "{SECRET}"\n')
    rig = ActorRig("private", tmp_path, FROM_ENVIRONMENT if place == "environment" else None)
    async with upgrade_server(echo) as server:
        async with running(partial(private.run, rig.actor, settings_for(server.url, keys_file))):
            await rig.until(lambda: rig.publisher.link in {"parked", "down"})
            everything = await rig.everything()
        token = server.tokens[0]
    # Pieces too: a text that is cut somewhere is not known as the secret it begins with.
    for secret in (ACCESS, SECRET, *token.split(".")):
        assert secret[:12] not in everything
    said = f"{ACCESS} {SECRET} {token}"
    assert not any(secret in rig.actor.redact(said) for secret in (ACCESS, SECRET, token)), "the log masks them too"


async def test_each_attempt_carries_a_token_of_its_own(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path, FROM_ENVIRONMENT)
    async with upgrade_server(drop, drop, accept) as server:
        async with running(partial(private.run, rig.actor, settings_for(server.url))):
            await rig.until(lambda: rig.publisher.link == "up")
        nonces = {verify_token(token, {ACCESS: SECRET}).nonce for token in server.tokens}
    assert len(nonces) == len(server.tokens) == 3
    assert rig.told == [Ready(1)]
    assert not {*server.tokens} & rig.actor._redaction._known, "what is masked would grow with each attempt"


async def test_it_ends_at_once_when_it_is_cancelled_while_parked(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path)
    async with running(partial(private.run, rig.actor, settings_for("ws://127.0.0.1:1"))):
        await rig.until(lambda: rig.publisher.link == "parked")
        began_s = trio.current_time()
    assert trio.current_time() - began_s < 1
