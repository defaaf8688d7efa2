"""`/_simulator/*`: what tests and drills see of the exchange and ask of it. The real exchange has none of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from actors.exchange.faults.kinds import Close, Fault, Garbage, Refusals, Refuse, Reset, Stall, decode_fault
from actors.exchange.rest.messages import HttpAnswer, HttpRequest, error_answer, json_answer
from actors.exchange.wire.connection import WebSocketConnection
from protocols.unreadable import UNREADABLE

PREFIX: Final = "/_simulator/"


class Control:
    """Answers everything below `/_simulator/`.

    Args:
        connections: the open WebSockets by number.
        report: what `GET /_simulator/state` answers.
        refusals: handshakes that are to be refused.
    """

    def __init__(
        self,
        connections: Mapping[int, WebSocketConnection],
        report: Callable[[], dict[str, object]],
        refusals: Refusals,
    ) -> None:
        self._connections = connections
        self._report = report
        self._refusals = refusals

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request."""
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "state":
                return json_answer(200, self._report())
            case "POST", "faults":
                return self._take_fault(request.body)
        return error_answer(404, "not_found", "no such path")

    def _take_fault(self, body: bytes) -> HttpAnswer:
        try:
            fault = decode_fault(body)
        except UNREADABLE as error:
            return error_answer(400, "invalid_fault", str(error))
        return json_answer(200, {"applied_to": self.apply_fault(fault)})

    def apply_fault(self, fault: Fault) -> int:
        """Let a fault happen; return how many connections it hit."""
        if isinstance(fault, Refuse):
            self._refusals.add(fault)
            return 0
        hit = list(self._hit(fault))
        for connection in hit:
            match fault:
                case Close():
                    connection.close(fault.code, fault.reason)
                case Reset():
                    connection.reset()
                case Stall():
                    connection.stall()
                case Garbage():
                    connection.push(fault.text.encode())
        return len(hit)

    def _hit(self, fault: Fault) -> Iterable[WebSocketConnection]:
        for connection in self._connections.values():
            if fault.target in {"all", connection.kind} and fault.connection in {None, connection.number}:
                yield connection
