import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.upbit.market_directory import MarketChanges, MarketDirectory
from protocols.upbit.markets import MarketInfo

NAMES = {"BTC": ("비트코인", "Bitcoin"), "ETH": ("이더리움", "Ethereum"), "XRP": ("엑스알피(리플)", "XRP")}


def infos(*codes: str) -> list[MarketInfo]:
    return [MarketInfo(code, *NAMES.get(code.split("-")[1], ("이름", "Name"))) for code in codes]


def directory() -> MarketDirectory:
    made = MarketDirectory()
    made.replace(infos("KRW-BTC", "KRW-ETH", "BTC-ETH", "USDT-XRP", "KRW-XRP"), 100.0)
    return made


def test_without_a_list_nothing_is_fresh_and_nothing_is_called_unknown() -> None:
    made = MarketDirectory()
    assert not made.is_fresh(0.0, 1e9)
    assert (made.codes(), made.unknown(["KRW-BTC"]), made.suggest("KRW-BTC")) == ((), (), "")


def test_a_list_is_fresh_until_it_is_too_old() -> None:
    made = directory()
    assert made.is_fresh(160.0, 60.0)
    assert not made.is_fresh(160.1, 60.0)


def test_a_new_list_tells_what_was_listed_and_delisted() -> None:
    made = directory()
    changes = made.replace(infos("KRW-BTC", "KRW-NEW", "BTC-ETH", "USDT-XRP", "KRW-XRP"), 200.0)
    assert changes == MarketChanges(listed=("KRW-NEW",), delisted=("KRW-ETH",))
    assert made.replace(list(made.markets), 300.0) == ((), ())
    assert made.is_fresh(300.0, 0.0)


def test_of_the_first_list_everything_is_new() -> None:
    assert MarketDirectory().replace(infos("KRW-BTC"), 0.0).listed == ("KRW-BTC",)


def test_an_empty_list_never_replaces_a_full_one_and_makes_it_no_fresher() -> None:
    made = directory()
    assert made.replace([], 1000.0) == ((), ())
    assert (len(made.codes()), made.is_fresh(1000.0, 60.0)) == (5, False)


def test_codes_are_in_the_order_of_the_exchange_all_or_of_one_quote() -> None:
    made = directory()
    assert made.codes() == ("KRW-BTC", "KRW-ETH", "BTC-ETH", "USDT-XRP", "KRW-XRP")
    assert made.codes("KRW") == ("KRW-BTC", "KRW-ETH", "KRW-XRP")
    assert made.codes("EUR") == ()


def test_unknown_markets_are_named_once_in_the_order_asked() -> None:
    assert directory().unknown(["KRW-Z", "KRW-BTC", "KRW-A", "KRW-Z"]) == ("KRW-Z", "KRW-A")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("KRW-BTC", "KRW-BTC"),
        ("krw-btc", "KRW-BTC"),
        (" KRW/ETH", "KRW-ETH"),
        ("KRW_ETH", "KRW-ETH"),
        ("BTC-KRW", "KRW-BTC"),
        ("XRP-USDT", "USDT-XRP"),
        ("xrp", "KRW-XRP"),
        ("비트코인", "KRW-BTC"),
        ("ethereum", "KRW-ETH"),
        ("KRW-BTX", "KRW-BTC"),
        ("KRWETH", "KRW-ETH"),
        ("", ""),
        ("NOTHING-ALIKE", ""),
    ],
)
def test_the_market_that_was_probably_meant_is_suggested(written: str, meant: str) -> None:
    assert directory().suggest(written) == meant


def of_many() -> MarketDirectory:
    """Codes of the exchange among which `KRW-` is more alike than the coins are."""
    made = MarketDirectory()
    codes = (
        "KRW-WAXP", "KRW-BTG", "KRW-BTT", "KRW-BTC", "BTC-ETH", "KRW-ETC", "KRW-ETH", "KRW-XRP", "USDT-BTC", "BTC-BTT",
        "USDT-DOGE", "KRW-DOGE", "KRW-SOL", "BTC-SOLVE", "KRW-XTZ", "KRW-HBAR", "BTC-ALICE", "KRW-USDT", "KRW-T",
    )  # fmt: skip
    made.replace(infos(*codes), 0.0)
    return made


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # The right coin, written in another manner.
        ("krw-btc", "KRW-BTC"),
        ("BTC/KRW", "KRW-BTC"),
        ("BTCKRW", "KRW-BTC"),
        ("krwbtc", "KRW-BTC"),
        ("BTCUSDT", "USDT-BTC"),
        ("usdt_doge", "USDT-DOGE"),
        ("DOGEUSDT", "USDT-DOGE"),
        ("ETHBTC", "BTC-ETH"),
        ("USDT", "KRW-USDT"),
        ("--krw--btc--", "KRW-BTC"),
        # The right coin of another quote currency.
        ("USDT-HBAR", "KRW-HBAR"),
        ("KRW-ALICE", "BTC-ALICE"),
        ("EUR-ETH", "KRW-ETH"),
        ("KRX-BTC", "KRW-BTC"),
        ("BTC-KRQ", "KRW-BTC"),
        ("alice", "BTC-ALICE"),
        # A coin with a mistake.
        ("KRW-ETHH", "KRW-ETH"),
        ("KRW-XPR", "KRW-XRP"),
        ("KRW-DOG", "KRW-DOGE"),
        ("KRW-SOLV", "KRW-SOL"),
        ("BTC-SOLV", "BTC-SOLVE"),
        ("BTC-ETHH", "BTC-ETH"),
        ("USDT-DOGEE", "USDT-DOGE"),
        ("ETHHKRW", "KRW-ETH"),
        ("dogee", "KRW-DOGE"),
        # Nothing that is alike enough, though `KRW-` is.
        ("KRW-QQQQ", ""),
        ("KRW-ZZ", ""),
        ("BTC-QQQQ", ""),
        ("KRW-", ""),
        ("KRW", ""),
        ("-", ""),
        ("NOTHING-ALIKX", ""),
        ("KRW-BTC-ETH", ""),
        ("KRW-" + "E" * 100_000, ""),
    ],
)
def test_the_coin_weighs_more_than_the_quote_currency_that_most_markets_share(written: str, meant: str) -> None:
    assert of_many().suggest(written) == meant


@pytest.mark.parametrize(
    ("written", "codes", "meant"),
    [
        # Cut short, or typed on.
        ("KRW-DOG", ("KRW-DOT", "KRW-DOGE"), "KRW-DOGE"),
        ("KRW-SOLA", ("KRW-SOBA", "KRW-SOL"), "KRW-SOL"),
        # As long.
        ("KRW-BTX", ("KRW-BYTX", "KRW-BTC"), "KRW-BTC"),
        # The exchange's order.
        ("KRW-BTX", ("KRW-BTT", "KRW-BTC"), "KRW-BTT"),
        ("KRW-BTX", ("KRW-BTC", "KRW-BTT"), "KRW-BTC"),
    ],
)
def test_of_coins_with_as_many_mistakes_the_likeliest_is_suggested(
    written: str, codes: tuple[str, ...], meant: str
) -> None:
    made = MarketDirectory()
    made.replace(infos(*codes), 0.0)
    assert made.suggest(written) == meant


@given(st.text(max_size=12))
def test_a_suggestion_is_a_listed_market_or_nothing(written: str) -> None:
    made = of_many()
    assert made.suggest(written) in {"", *made.codes()}
    assert all(made.suggest(code.lower()) == code for code in made.codes())


CODES = st.lists(st.sampled_from([f"{quote}-{base}" for quote in ("KRW", "BTC") for base in "ABCDE"]), unique=True)


@given(st.lists(CODES, max_size=8))
def test_changes_added_up_are_the_list(lists: list[list[str]]) -> None:
    made = MarketDirectory()
    summed: set[str] = set()
    for now_s, codes in enumerate(lists):
        listed, delisted = made.replace(infos(*codes), float(now_s))
        assert not set(listed) & summed
        assert set(delisted) <= summed
        summed = (summed | set(listed)) - set(delisted)
        assert summed == set(made.codes())
        assert made.unknown(codes) == ()
