"""`/_simulator/*`: what tests and drills see of the exchange and ask of it. The real exchange has none of it."""

from collections.abc import Callable, Mapping
from typing import Final

import trio

from actors.exchange.faults.catalogue import explain, kinds_document
from actors.exchange.faults.kinds import decode_fault
from actors.exchange.faults.plan import FaultRefused, Plan
from actors.exchange.rest.messages import HttpAnswer, HttpRequest, error_answer, json_answer
from actors.exchange.wire.injector import Injector
from protocols.unreadable import UNREADABLE

PREFIX: Final = "/_simulator/"

Report = Callable[[], dict[str, object]]


class Control:
    """Answers everything below `/_simulator/`.

    Args:
        reports: what a GET answers, by the rest of the path.
        plan: the faults that go on.
        injector: lets faults happen.
    """

    def __init__(self, reports: Mapping[str, Report], plan: Plan, injector: Injector) -> None:
        self._reports = reports
        self._plan = plan
        self._injector = injector

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request."""
        path = request.path.removeprefix(PREFIX)
        if path == "faults":
            return self._answer_faults(request)
        if path.startswith("faults/") and request.method == "DELETE":
            return self._end_fault(path.removeprefix("faults/"))
        report = self._reports.get(path)
        if report is None:
            return error_answer(404, "not_found", "no such path")
        if request.method != "GET":
            return _wrong_method(path, "GET")
        return json_answer(200, report())

    def _answer_faults(self, request: HttpRequest) -> HttpAnswer:
        match request.method:
            case "GET":
                active = self._plan.active(trio.current_time())
                return json_answer(200, {"active": active, "kinds": kinds_document()})
            case "POST":
                return self._take_fault(request)
            case "DELETE":
                return json_answer(200, {"ended": self._injector.end()})
        return _wrong_method("faults", "GET, POST or DELETE")

    def _take_fault(self, request: HttpRequest) -> HttpAnswer:
        if request.is_oversized:
            return error_answer(400, "invalid_fault", "the body is too long for a fault")
        try:
            applied = self._injector.apply(decode_fault(request.body))
        except UNREADABLE as error:
            return error_answer(400, "invalid_fault", explain(request.body, error))
        except FaultRefused as refused:
            return error_answer(400, "invalid_fault", str(refused))
        return json_answer(200, {"applied_to": applied.connections, "id": applied.number})

    def _end_fault(self, text: str) -> HttpAnswer:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            return error_answer(400, "invalid_fault", "the id of a fault is an integer, as POST answered it")
        if not self._injector.end(int(text)):
            return error_answer(
                404, "not_found", f"no fault {text} goes on; GET /_simulator/faults lists those that do"
            )
        return json_answer(200, {"ended": 1})


def _wrong_method(path: str, allowed: str) -> HttpAnswer:
    return error_answer(405, "method_not_allowed", f"{PREFIX}{path} takes {allowed}")
