"""What a crossing tells, as values and as a sentence in Korean or English."""

from typing import Final, Literal

from msgspec import Struct

AlertKind = Literal["change", "turnover"]
Direction = Literal["rise", "fall"]

_SENTENCES: Final = {
    ("change", "rise", "ko"): "{symbol}: {percent:+.2f} % ({limit_percent:g} % 넘게 상승)",
    ("change", "fall", "ko"): "{symbol}: {percent:+.2f} % ({limit_percent:g} % 넘게 하락)",
    ("change", "rise", "en"): "{symbol}: {percent:+.2f} % (rise beyond {limit_percent:g} %)",
    ("change", "fall", "en"): "{symbol}: {percent:+.2f} % (fall beyond {limit_percent:g} %)",
    ("turnover", "rise", "ko"): "{symbol}: 24시간 거래대금 {value:,.0f}원 ({limit:,.0f}원 초과)",
    ("turnover", "rise", "en"): "{symbol}: turnover of 24 h {value:,.0f} KRW (above {limit:,.0f} KRW)",
}
"""(kind, direction, language) -> sentence; turnover is reported on its way up only."""


class Alert(Struct, frozen=True):
    """One crossing of one market.

    Attributes:
        kind: `change` (since the last daily close) or `turnover` (of the last 24 hours).
        symbol: the market.
        direction: `rise` or `fall`.
        value: what crossed: a signed ratio (-0.07 is -7 %), or turnover in KRW.
        limit: what was crossed, without a sign.
        trade_price: last price, in the quote currency.
        timestamp: the exchange's time of the ticker that caused it, ms since the epoch, UTC.
    """

    kind: AlertKind
    symbol: str
    direction: Direction
    value: float
    limit: float
    trade_price: float
    timestamp: int

    def text(self, language: str = "ko") -> str:
        """Say it in one line: `KRW-ETH: -7.00 % (5 % 넘게 하락)`, `KRW-ETH: -7.00 % (fall beyond 5 %)`.

        Raises:
            ValueError: the language is neither `ko` nor `en`.
        """
        if language not in {"ko", "en"}:
            raise ValueError(f"language must be 'ko' or 'en', not {language!r}")
        return _SENTENCES[self.kind, self.direction, language].format(
            symbol=self.symbol,
            value=self.value,
            limit=self.limit,
            percent=self.value * 100,
            limit_percent=self.limit * 100,
        )
