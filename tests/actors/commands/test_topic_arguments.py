import pytest

from actors.commands.topic_arguments import Watched, read_watched
from protocols.errors import SettingsError


@pytest.mark.parametrize(
    ("kind", "codes", "expected"),
    [
        ("ticker", ["KRW-BTC"], Watched("public", ("ticker/KRW-BTC",))),
        ("ticker", ["KRW-BTC", "KRW-ETH", "KRW-BTC"], Watched("public", ("ticker/KRW-BTC", "ticker/KRW-ETH"))),
        ("candle.1m", ["KRW-BTC"], Watched("public", ("candle.1m/KRW-BTC",))),
        ("orderbook", ["KRW-BTC.15", "KRW-ETH"], Watched("public", ("orderbook.15/KRW-BTC", "orderbook/KRW-ETH"))),
        ("orderbook.5", ["KRW-BTC"], Watched("public", ("orderbook.5/KRW-BTC",))),
        ("orderbook@10000", ["KRW-BTC"], Watched("public", ("orderbook@10000/KRW-BTC",))),
        ("myOrder", [], Watched("private", ("myOrder",))),
        ("alert", [], Watched("price_monitor", ("alert",))),
        ("surge", [], Watched("market_scanner", ("surge",))),
    ],
)
def test_types_and_codes_become_topics_of_the_actor_that_serves_them(
    kind: str, codes: list[str], expected: Watched
) -> None:
    assert read_watched(kind, codes) == expected


def test_a_topic_of_an_owners_own_actor_is_taken_as_it_is() -> None:
    assert read_watched("signal", [], server="my_actor") == Watched("my_actor", ("signal",))
    assert read_watched("signal", ["KRW-BTC"], server="my_actor") == Watched("my_actor", ("signal/KRW-BTC",))
    assert read_watched("alert", [], server="prices") == Watched("prices", ("alert",))


@pytest.mark.parametrize(
    ("kind", "codes", "words"),
    [
        ("tick", ["KRW-BTC"], "unknown type 'tick'"),
        ("orderbooks", ["KRW-BTC"], "unknown type 'orderbooks'"),
        ("ticker", [], "name at least one market"),
        ("ticker", ["krw-btc"], "upper case"),
        ("ticker", ["KRW-BTC", "nonsense"], "'nonsense' is not a market"),
        ("orderbook", ["KRW-BTC.7"], "depth 7 is none of"),
        ("orderbook.5", ["KRW-BTC/x"], "is not a market"),
        ("candle.7m", ["KRW-BTC"], "unknown type 'candle.7m'"),
        ("myOrder", ["KRW-BTC"], "takes no market"),
        ("alert", ["KRW-BTC"], "takes no market"),
    ],
)
def test_a_bad_type_or_code_is_one_line(kind: str, codes: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read_watched(kind, codes)
    assert "\n" not in str(caught.value)
