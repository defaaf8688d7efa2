"""One REST request over HTTP: worked on, and answered in time, late, wrongly or not at all, as faults have it."""

from typing import Final

import trio

from actors.exchange.faults.plan import Plan
from actors.exchange.faults.rewriting import with_times_moved
from actors.exchange.faults.verdicts import Ending, RestVerdict
from actors.exchange.journal.journal import AnyJournal
from actors.exchange.rest.messages import Answered, HttpAnswer, HttpRequest
from actors.exchange.rest.service import RestService
from actors.exchange.wire.fault_answers import status_answer
from actors.exchange.wire.http import HttpLink
from actors.exchange.wire.injector import Injector
from actors.exchange.wire.pacing import PacedStream

_NO_ANSWER: Final = 0
"""The status of a request that nobody answers, in the journal."""


class RestCalls:
    """Serves everything below `/v1`.

    Args:
        service: the exchange's own answers.
        plan: faults that hit requests.
        injector: tells when a stall has ended.
        journal: told of every request.
    """

    def __init__(self, service: RestService, plan: Plan, injector: Injector, journal: AnyJournal) -> None:
        self._service = service
        self._plan = plan
        self._injector = injector
        self._journal = journal

    async def serve(self, link: HttpLink, paced: PacedStream, request: HttpRequest, address: str) -> bool:
        """Serve one request and tell whether another may follow on this connection."""
        now_s = trio.current_time()
        verdict = self._plan.judge_request(request.method, request.path, now_s)
        answered = self._answered(request, address, verdict, now_s)
        is_answered = verdict.ending is Ending.ANSWER
        if self._journal.is_on:
            path = f"{request.path}?{request.query_string}" if request.query_string else request.path
            status = answered.answer.status if is_answered else _NO_ANSWER
            self._journal.rest(address, request.method, path, status, answered.access_key)
        await self._wait(verdict, answered)
        bytes_per_s = self._plan.bytes_per_s(None, trio.current_time())
        paced.set_pace(bytes_per_s)
        if is_answered:
            return await link.answer(answered.answer, bytes_per_s=bytes_per_s)
        await _break(link, paced, verdict.ending, answered.answer)
        return False

    def _answered(self, request: HttpRequest, address: str, verdict: RestVerdict, now_s: float) -> Answered:
        """What is answered; by then the request has taken effect, if it does."""
        offset_ms = self._plan.clock_offset_ms(now_s)
        if offset_ms or verdict.garbage is not None:
            # Not compressed: times are moved in the text, and garbage would have to be compressed too.
            headers = {name: value for name, value in request.headers.items() if name != "accept-encoding"}
            request = request._replace(headers=headers)
        answered = Answered(HttpAnswer(503, b""))
        if verdict.takes_effect:
            answered = self._service.answer(request, address, now_s=now_s)
        answer = answered.answer
        if verdict.status is not None:
            answer = status_answer(verdict.status, request.path)
        elif verdict.garbage is not None:
            answer = answer._replace(body=verdict.garbage.encode())
        elif offset_ms:
            answer = answer._replace(body=with_times_moved(answer.body, offset_ms))
        return answered._replace(answer=answer)

    async def _wait(self, verdict: RestVerdict, answered: Answered) -> None:
        if verdict.is_stalled:
            await self._injector.wait_rest_unstalled()
        if verdict.delay_s + answered.delay_s > 0:
            await trio.sleep(verdict.delay_s + answered.delay_s)


async def _break(link: HttpLink, paced: PacedStream, ending: Ending, answer: HttpAnswer) -> None:
    """End the connection in another way than with an answer; closing it is left to who opened it."""
    if ending is Ending.HALF:
        paced.break_next_write()
        await link.answer(answer)
    elif ending is Ending.RESET:
        paced.make_close_a_reset()
    await trio.lowlevel.checkpoint()
