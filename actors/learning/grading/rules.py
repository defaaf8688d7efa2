"""Which rule judges which item; an item without one is for its reader to confirm."""

from collections.abc import Mapping
from typing import Final

from actors.learning.grading import basics, composing, designing, endings, managing, optimising, orderbook
from actors.learning.grading.evidence import Rule

RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "1.2": {
        "client": basics.judge_client,
        "subscribe": basics.judge_ticker,
        "callback": basics.judge_callback_called,
        "cleanup": endings.judge_cleanup,
        "write_basic": basics.judge_program,
        "use_callback": basics.judge_price_printed,
        "cleanup_works": endings.judge_release,
        "monitor": basics.judge_monitor,
    },
    "2.1": {
        "one_client": composing.judge_together,
        "callbacks": composing.judge_callbacks,
        "compose": composing.judge_composition,
    },
    "2.2": {
        "replace": managing.judge_replacement,
        "several": managing.judge_several,
        "watch": managing.judge_watching,
        "distinguish": managing.judge_lists,
        "handle_several": managing.judge_each_market,
        "errors": endings.judge_guarded,
    },
    "3.1": {
        "clients": designing.judge_clients,
        "private": designing.judge_private,
        "tidy": endings.judge_guarded,
        "architecture": designing.judge_scan,
        "private_works": designing.judge_private_data,
    },
    "3.2": {
        "optimise": optimising.judge_requests,
        "batch": optimising.judge_batches,
        "memory": optimising.judge_memory,
        "async": endings.judge_async,
        "optimised": optimising.judge_difference,
        "long_run": endings.judge_long_run,
    },
    "4.1": {"complete": orderbook.judge_orderbook, "quality": endings.judge_quality},
}
"""Chapter to item to rule."""
