"""Which markets the simulated exchange has, at which prices, and how each of them moves.

The numbers by quote currency are those seen on 2026-09-23: 289 KRW, 328 BTC and 238 USDT markets, 855 in all. The four
large markets come first; some well-known coins follow, then invented codes. Prices are believable, not quotations.
KRW-USDT, which moves little, comes right before the first market that is priced in USDT: wherever there is one, it is
known what its prices are in KRW.

Of each eight invented coins of a quote currency, in the order of their activity, the seed chooses
- one whose market is quiet: something happens in it every few minutes only, and its book does not change in between;
- one whose book is thin, with 5 to 20 levels a side, so that what is shown of it is padded with zeros;
- one that is both.
Of 855 markets a quarter is quiet and a quarter is thin, of the first 60 markets four to six of each.
"""

import math
import random
from typing import Final, NamedTuple

from actors.exchange.market.market import FULL_LEVELS, MarketSpec
from actors.exchange.market.units import E8, floor_price
from protocols.errors import SettingsError

QUOTA: Final = {"KRW": 289, "BTC": 328, "USDT": 238}
MAX_MARKETS: Final = sum(QUOTA.values())
MIN_MARKETS: Final = 4

_QUOTE_PATTERN: Final = ("KRW", "KRW", "BTC", "KRW", "KRW", "USDT")
"""Two of three markets are KRW ones until their quota is used up."""

_ASSETS: Final = 340
_BTC_KRW: Final = 116_539_000.0
_USDT_KRW: Final = 1_391.0
_LARGEST_TURNOVER_KRW: Final = 280e9

_KNOWN: Final = (
    ("BTC", "비트코인", "Bitcoin", _BTC_KRW),
    ("ETH", "이더리움", "Ethereum", 3_512_000.0),
    ("XRP", "엑스알피", "XRP", 2_154.0),
    ("ADA", "에이다", "Cardano", 712.0),
    ("SOL", "솔라나", "Solana", 187_400.0),
    ("DOGE", "도지코인", "Dogecoin", 231.0),
    ("TRX", "트론", "TRON", 421.0),
    ("LINK", "체인링크", "Chainlink", 19_830.0),
    ("AVAX", "아발란체", "Avalanche", 31_250.0),
    ("DOT", "폴카닷", "Polkadot", 5_120.0),
    ("BCH", "비트코인캐시", "Bitcoin Cash", 684_500.0),
    ("ETC", "이더리움클래식", "Ethereum Classic", 24_310.0),
    ("XLM", "스텔라루멘", "Stellar Lumens", 402.0),
    ("SUI", "수이", "Sui", 3_871.0),
    ("HBAR", "헤데라", "Hedera", 247.0),
    ("SHIB", "시바이누", "Shiba Inu", 0.01712),
    ("PEPE", "페페", "PEPE", 0.01388),
    ("ATOM", "코스모스", "Cosmos", 5_644.0),
    ("NEAR", "니어프로토콜", "NEAR Protocol", 3_402.0),
    ("APT", "앱토스", "Aptos", 5_930.0),
    ("ARB", "아비트럼", "Arbitrum", 583.0),
    ("SAND", "샌드박스", "The Sandbox", 371.0),
    ("AAVE", "에이브", "Aave", 361_900.0),
    ("ALGO", "알고랜드", "Algorand", 311.0),
)

_USDT_RANK: Final = 4
"""Seen among the largest KRW markets."""

_DRIFT_UP: Final = ("XRP", "SOL", "HBAR")
_DRIFT_DOWN: Final = ("ADA", "DOGE", "ATOM")
_NEAR_ONE_BILLION: Final = ("TRX", "XLM", "ARB")

_BLOCK: Final = 8
_MANNERS: Final = ("quiet", "thin", "quiet and thin", "", "", "", "", "")
"""What the coins of one block are like, before the seed shuffles them."""

_QUIET_S: Final = (45.0, 240.0)
_THIN_LEVELS: Final = (5, 20)


class Asset(NamedTuple):
    """One coin: names, price in KRW, and its rank by activity (0 for the largest)."""

    code: str
    korean_name: str
    english_name: str
    price_krw: float
    rank: int


def build_universe(markets: int, *, seed: int) -> tuple[MarketSpec, ...]:
    """Choose the first `markets` markets and settle how they move; the same seed gives the same universe.

    Raises:
        SettingsError: fewer than 4 or more than 855 markets.
    """
    if not MIN_MARKETS <= markets <= MAX_MARKETS:
        raise SettingsError(f"markets = {markets}: choose a number from {MIN_MARKETS} to {MAX_MARKETS}")
    assets = _assets(seed)
    return tuple(_spec(quote, asset, seed) for quote, asset in _pairs(assets)[:markets])


def _assets(seed: int) -> list[Asset]:
    rng = random.Random(f"{seed}/assets")  # noqa: S311 - a market model, not a secret
    assets = [Asset(*known, rank) for rank, known in enumerate(_KNOWN)]
    taken = {asset.code for asset in assets} | {"KRW", "USDT"}
    while len(assets) < _ASSETS:
        code = "".join(rng.choice(letters) for letters in ("BCDFGKLMNPRSTVXZ", "AEIOUY", "BCDKLMNRSTVXZ"))
        code += rng.choice(("", "A", "O", "I", "X", "EN", "US", "RA"))
        if code not in taken:
            taken.add(code)
            price_krw: float = 10.0 ** rng.triangular(-2.0, 5.5, 2.6)
            assets.append(Asset(code, f"{code} 코인", f"{code.title()} Network", price_krw, len(assets)))
    return assets


def _pairs(assets: list[Asset]) -> list[tuple[str, Asset]]:
    """All 855 pairs in the order in which they are added: four large KRW markets, then by the pattern."""
    waiting = {
        "KRW": assets[: QUOTA["KRW"] - 1],  # And KRW-USDT.
        "BTC": assets[1 : QUOTA["BTC"] + 1],
        "USDT": assets[: QUOTA["USDT"]],
    }
    pairs = [("KRW", asset) for asset in waiting["KRW"][:MIN_MARKETS]]
    waiting["KRW"] = waiting["KRW"][MIN_MARKETS:]
    while any(waiting.values()):
        pairs.extend((quote, waiting[quote].pop(0)) for quote in _QUOTE_PATTERN if waiting[quote])
    first_in_usdt = next(index for index, (quote, _) in enumerate(pairs) if quote == "USDT")
    pairs.insert(first_in_usdt, ("KRW", Asset("USDT", "테더", "Tether", _USDT_KRW, _USDT_RANK)))
    return pairs


def _spec(quote: str, asset: Asset, seed: int) -> MarketSpec:
    rng = random.Random(f"{seed}/{quote}-{asset.code}")  # noqa: S311 - a market model, not a secret
    unit_krw = {"KRW": 1.0, "BTC": _BTC_KRW, "USDT": _USDT_KRW}[quote]
    # A coin worth less than 20 units of a BTC market would have a book of no depth; the exchange delists those.
    anchor_e8 = max(20, floor_price(quote, max(1, round(asset.price_krw / unit_krw * E8))))
    weight = math.pow(asset.rank + 1, -0.75) * (1.0 if quote == "KRW" else 0.15)
    bias, swing, period_s, phase = _motion(asset, seed)
    manner = _manner(quote, asset, seed)
    ask_levels, bid_levels = (rng.randint(*_THIN_LEVELS) if "thin" in manner else FULL_LEVELS for _ in range(2))
    return MarketSpec(
        code=f"{quote}-{asset.code}",
        korean_name=asset.korean_name,
        english_name=asset.english_name,
        anchor_e8=anchor_e8,
        turnover_e8=max(1, round(_turnover_krw(quote, asset, rng) / unit_krw * E8)),
        weight=weight,
        bias=bias,
        swing=swing,
        period_s=period_s,
        phase=phase,
        noise=rng.uniform(0.0004, 0.0015),
        quiet_s=rng.uniform(*_QUIET_S) if "quiet" in manner else 0.0,
        ask_levels=ask_levels,
        bid_levels=bid_levels,
    )


def _manner(quote: str, asset: Asset, seed: int) -> str:
    """Whether a market is quiet or thin; those of known coins are neither."""
    block, place = divmod(asset.rank - len(_KNOWN), _BLOCK)
    if block < 0:
        return ""
    manners = list(_MANNERS)
    random.Random(f"{seed}/{quote}/{block}/manners").shuffle(manners)  # noqa: S311 - a market model, not a secret
    return manners[place]


def _turnover_krw(quote: str, asset: Asset, rng: random.Random) -> float:
    """Turnover of the day before: a few markets make most of it, and some stand just below 1,000,000,000 KRW."""
    if quote == "KRW" and asset.code in _NEAR_ONE_BILLION:
        return rng.uniform(0.998e9, 0.9994e9)
    share = 1.0 if quote == "KRW" else 0.01
    return _LARGEST_TURNOVER_KRW * share * math.pow(asset.rank + 1, -1.7) * math.exp(rng.gauss(0.0, 0.5))


def _motion(asset: Asset, seed: int) -> tuple[float, float, float, float]:
    """Bias, swing, period and phase of a coin, the same in all its markets."""
    rng = random.Random(f"{seed}/{asset.code}/motion")  # noqa: S311 - a market model, not a secret
    if asset.code in _DRIFT_UP or asset.code in _DRIFT_DOWN:
        sign = 1.0 if asset.code in _DRIFT_UP else -1.0
        # Starts inside 5 % and leaves it within the first dozen seconds, then comes and goes.
        return sign * rng.uniform(0.046, 0.05), sign * rng.uniform(0.02, 0.026), rng.uniform(24.0, 40.0), -1.2
    phase = rng.uniform(-math.pi, math.pi)
    if asset.code == "USDT":
        # A stablecoin moves with the won's rate to the dollar, so by a fraction of what coins do.
        return rng.gauss(0.0, 0.001), rng.uniform(0.0005, 0.001), rng.uniform(120.0, 480.0), phase
    if asset.rank >= len(_DRIFT_UP) and rng.random() < 0.1:
        return rng.choice((-1.0, 1.0)) * rng.uniform(0.06, 0.12), 0.012, rng.uniform(30.0, 90.0), phase
    return rng.gauss(0.0, 0.015), rng.uniform(0.002, 0.006), rng.uniform(40.0, 240.0), phase
