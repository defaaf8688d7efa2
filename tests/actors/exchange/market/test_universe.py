"""Which markets there are, and which of them are quiet or thin."""

import pytest

from actors.exchange.market.market import FULL_LEVELS
from actors.exchange.market.units import E8
from actors.exchange.market.universe import build_universe
from protocols.errors import SettingsError


def test_the_universe_is_that_of_the_exchange() -> None:
    universe = build_universe(855, seed=1)
    assert [spec.code for spec in universe[:4]] == ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA"]
    assert len({spec.code for spec in universe}) == 855
    counts = {quote: sum(spec.quote == quote for spec in universe) for quote in ("KRW", "BTC", "USDT")}
    assert counts == {"KRW": 289, "BTC": 328, "USDT": 238}


@pytest.mark.parametrize("markets", [*range(4, 30), 60, 855])
def test_a_universe_with_a_market_in_usdt_has_the_krw_market_of_usdt(markets: int) -> None:
    universe = build_universe(markets, seed=1)
    quotes = {spec.quote for spec in universe}
    bases = {spec.base for spec in universe if spec.quote == "KRW"}
    assert quotes - {"KRW"} <= bases


@pytest.mark.parametrize("seed", range(6))
def test_usdt_costs_what_markets_in_usdt_take_it_for_and_hardly_moves(seed: int) -> None:
    of = {spec.code: spec for spec in build_universe(60, seed=seed)}
    usdt = of["KRW-USDT"]
    assert (usdt.korean_name, usdt.quiet_s, usdt.ask_levels) == ("테더", 0.0, FULL_LEVELS)
    assert of["USDT-ETH"].anchor_e8 * usdt.anchor_e8 / E8 == pytest.approx(of["KRW-ETH"].anchor_e8, rel=1e-3)
    # All day within about 1 %, while a coin goes through several.
    assert abs(usdt.bias) + usdt.swing < 0.01


@pytest.mark.parametrize("markets", [0, 3, 856])
def test_a_universe_of_another_size_is_refused(markets: int) -> None:
    with pytest.raises(SettingsError, match="4 to 855"):
        build_universe(markets, seed=1)


@pytest.mark.parametrize("seed", range(6))
def test_sixty_markets_have_a_few_quiet_and_a_few_thin_ones_and_no_known_coin_is_either(seed: int) -> None:
    universe = build_universe(60, seed=seed)
    quiet = {spec.code for spec in universe if spec.quiet_s}
    thin = {spec.code for spec in universe if spec.ask_levels < FULL_LEVELS}
    assert 4 <= len(quiet) <= 6
    assert 4 <= len(thin) <= 6
    assert 2 <= len(quiet & thin) <= 3
    known = {"BTC", "ETH", "XRP", "ADA", "SOL", "DOGE", "TRX", "LINK", "HBAR", "ATOM", "ARB", "ALGO"}
    assert not {spec.base for spec in universe if spec.code in quiet | thin} & known


def test_thin_books_have_5_to_20_levels_a_side_and_quiet_markets_pauses_of_up_to_minutes() -> None:
    universe = build_universe(855, seed=3)
    thin = [spec for spec in universe if spec.ask_levels < FULL_LEVELS]
    assert 150 < len(thin) < 250
    assert {spec.ask_levels for spec in thin} | {spec.bid_levels for spec in thin} == set(range(5, 21))
    assert all(45.0 <= spec.quiet_s <= 240.0 for spec in universe if spec.quiet_s)


def test_another_seed_has_other_quiet_markets() -> None:
    quiet = [[spec.quiet_s for spec in build_universe(60, seed=seed)] for seed in (1, 1, 2)]
    assert quiet[0] == quiet[1] != quiet[2]
