"""Every number of the borrowing rules, typed in from PM 11, `parameters.json` (interest_free_limits) and choices E.

The choices of section E complete PM section 11; they are cited as E. Nothing here is read from a file.
"""

from dataclasses import dataclass, field

# interest-free amounts in coin (PM 11, parameters.json); USDT's grows by the positive equity of USDC
FREE_QUOTA = {
    "USDT": 20_000.0, "USDC": 5_000.0, "BTC": 1.0, "ETH": 5.0, "LTC": 10.0, "ETC": 2_000.0, "XRP": 5_000.0,
    "EOS": 500.0, "BCH": 5.0, "BSV": 5.0, "TRX": 30_000.0, "LINK": 50.0, "DOT": 50.0, "ADA": 500.0, "ALGO": 500.0,
    "ATOM": 20.0, "CRV": 100.0, "FIL": 10.0, "DASH": 2.0, "IOST": 10_000.0, "IOTA": 500.0, "KNC": 200.0, "NEO": 10.0,
    "ONT": 300.0, "QTUM": 100.0, "THETA": 100.0, "SUSHI": 30.0, "SUN": 20.0, "XLM": 1_000.0, "UNI": 20.0, "XMR": 2.0,
    "XTZ": 100.0, "ZEC": 2.0, "YFI": 0.01, "YFII": 0.1,
}  # fmt: skip
DAILY_RATE = {"USDT": 0.00043728, "USDC": 0.00043728, "USD": 0.00043728, "BTC": 0.00019992, "ETH": 0.00019992}


@dataclass(frozen=True)
class BorrowRules:
    """Interest and forced conversion of debts (E)."""

    free_quota: dict[str, float] = field(default_factory=lambda: dict(FREE_QUOTA))
    free_quota_other: float = 0.0
    free_quota_covers_balance: bool = True
    daily_rate: dict[str, float] = field(default_factory=lambda: dict(DAILY_RATE))
    daily_rate_other: float = 0.00043728
    hours_per_day: float = 24.0
    conversion_quota_frac: float = 0.1
    utilisation_steps: tuple[float, ...] = (0.95, 1.05, 1.08)
    utilisation_buys: tuple[float, ...] = (0.05, 0.08, 0.10)
    fee_frac: float = 0.001
    slippage_frac: float = 0.0
