"""The asset lines of a reply: equity and margin of borrowing by currency."""

from __future__ import annotations

from shockgrid.io.okx.reply import AssetLine
from shockgrid.report.margin_report import MarginReport

ALWAYS_LISTED = ("USDC", "USDT")
"""OKX's example lists USDC, of which the account has none and in which nothing settles."""


def asset_lines(report: MarginReport) -> tuple[AssetLine, ...]:
    """One line a currency, by name: what the account has or settles, the coins of its units, USDC and USDT.

    Args:
        report: Of one account.
    """
    units = report.units
    in_use = dict(zip(units["unit"].tolist(), units["spot_in_use"].tolist(), strict=True))
    lines = {name: AssetLine(name, 0.0, 0.0, 0.0) for name in (*ALWAYS_LISTED, *in_use)}
    figures = report.result.currencies
    for row, currency in enumerate(report.rows.currency.tolist()):
        name = report.market.universe.currencies[currency]
        owned, borrow_imr_usd = float(figures.equity[row]), float(figures.imr_usd[row])
        lines[name] = AssetLine(name, owned, in_use.get(name, 0.0), borrow_imr_usd)
    return tuple(lines[name] for name in sorted(lines))
