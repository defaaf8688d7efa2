"""What comes from the exchange: frames are decoded and published, and answers to our requests are taken in.

What a frame means is decided by `FrameDecoder`, where it goes by `Router`. No I/O here; the frames of one read are
taken in one go.
"""

import time
from collections.abc import Callable
from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from actors.connections.http_answers import plain_name
from actors.connections.requesting import Requester
from actors.connections.routing import Answer, Router
from actors.runtime.channel.publishing import Publisher
from actors.runtime.process.counters import Counter
from protocols.errors import AuthenticationError, DecodeFailure
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import ErrorFrame, SubscriptionList
from protocols.upbit.refusals import Remedy, remedy_of

REPORT_ONE_IN: Final = 100
"""After the first frame that could not be read, so many more until the next is logged; all are counted."""


class Intake:
    """Takes frames in, over all connections of a feed.

    Args:
        requester: whose plan hears of first messages, refusals and lists.
        needs_keys: whether the exchange may refuse the connection because of the keys.
        progressed: told how many frames were taken.
    """

    def __init__(
        self,
        publisher: Publisher,
        router: Router,
        requester: Requester,
        counters: Counter,
        log: FilteringBoundLogger,
        *,
        needs_keys: bool,
        progressed: Callable[[int], None] | None,
    ) -> None:
        self._publisher = publisher
        self._router = router
        self._requester = requester
        self._plan = requester.plan
        self._counters = counters
        self._log = log
        self._needs_keys = needs_keys
        self._progressed = progressed
        self._decoder = FrameDecoder()
        self._failures = 0

    def take(self, frames: list[bytes]) -> None:
        """Publish what one read brought; frames that cannot be read are counted, and some are logged.

        Raises:
            AuthenticationError: the exchange refused the keys; the data that came with it are published.
        """
        received_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        failures: list[DecodeFailure] = []
        messages = self._decoder.decode_batch(frames, failures)
        first, answers = self._router.route(messages, received_ns, wall_ns)
        self._publisher.flush()
        self._counters.add("frames", len(frames))
        if self._progressed is not None:
            self._progressed(len(frames))
        for topic in first:
            self._plan.saw(topic)
        for answer in answers:
            self._take_answer(answer)
        for failure in failures:
            self._report(failure)
        self._counters.set("unrouted", self._router.unrouted)
        self._counters.set("snapshots_repeated", self._router.repeated)
        if self._decoder.unknown_fields:
            self._counters.set("unknown_fields", sum(self._decoder.unknown_fields.values()))

    def _take_answer(self, answer: Answer) -> None:
        if isinstance(answer, ErrorFrame):
            self._take_refusal(answer)
        elif isinstance(answer, SubscriptionList):
            self._requester.lists.answered(answer.result)
            result = self._plan.audit(answer)
            self._counters.add("audits")
            if not result.is_clean:
                self._counters.add("audit_differences")
                self._log.warning("feed.audit", missing=result.missing, surplus=result.surplus)
                self._requester.look_again()

    def _take_refusal(self, answer: ErrorFrame) -> None:
        self._counters.add("error_frames")
        # Where keys are sent, the other end's free text is shown nowhere: it might repeat them.
        said = plain_name(answer.name) if self._needs_keys else f"{answer.name}: {answer.message}"
        self._log.warning("feed.refused", said=said)
        if self._needs_keys and remedy_of(answer.name) is Remedy.CHECK_KEYS:
            raise AuthenticationError(f"the exchange refused the keys: {said}")
        for topic in self._plan.refused(answer.name, now_s=trio.current_time()):
            self._publisher.report_problem(topic.key, f"the exchange refused it: {said}")
        self._requester.look_again()

    def _report(self, failure: DecodeFailure) -> None:
        self._counters.add("frames_unreadable")
        if self._failures % REPORT_ONE_IN == 0:
            self._log.warning("feed.unreadable", reason=str(failure), so_far=self._failures)
        self._failures += 1
