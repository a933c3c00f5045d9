"""OKX's position builder: the reply that our margin gives to a request (okx_portfolio_margin.md section 13).

The builder values equity at index prices without haircuts, and its margin ratio rests on that; nothing else differs
from ``sg.margin``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts
from shockgrid.builder.asset_lines import asset_lines
from shockgrid.builder.position_lines import position_lines, spot_line
from shockgrid.builder.real_holdings import with_real_holdings
from shockgrid.builder.unit_lines import unit_lines
from shockgrid.errors import InputError
from shockgrid.io.okx.position_builder import PositionBuilderRequest
from shockgrid.io.okx.reply import (
    AssetLine,
    PositionBuilderReply,
    PositionLine,
    RiskUnitLine,
    format_position_builder_reply,
)
from shockgrid.io.rulebook_file import load_rulebook
from shockgrid.market.market import Market
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.shock import shock
from shockgrid.venues.okx.rulebook import Rulebook


def okx_reply(
    market: Market,
    request: PositionBuilderRequest,
    rules: Rulebook | None = None,
    real_accounts: Accounts | None = None,
) -> dict[str, Any]:
    """Answer a position-builder request as OKX would.

    Args:
        market: Lists every instrument and prices every currency of the request.
        request: From ``read_position_builder_request``.
        rules: The newest OKX rulebook by default.
        real_accounts: One account, that of the caller; needed and read if the request includes real holdings.

    Returns:
        The reply as OKX's JSON has it.

    Raises:
        InputError: A rulebook of version 1; a holding that the market cannot price; real holdings asked for and not
            given.
        ShockError: As for ``margin``.
    """
    rules = load_rulebook("okx") if rules is None else rules
    if rules.structure != "v2":
        expected = "a rulebook of version 2, whose risk units the position builder's reply has"
        raise InputError(rules.file, "structure", expected, rules.structure)
    accounts = with_real_holdings(request.accounts, real_accounts) if request.include_real else request.accounts
    n_real = len(accounts.positions.quantity) - len(request.accounts.positions.quantity)
    report, before = margin(market, accounts, rules), None
    if request.index_move != 0:
        before = report
        # Positions without an average price count as entered at today's marks: what the index moves is then P&L.
        report = margin(shock(market, price=request.index_move), entered_at_marks(accounts, market), rules)
    lines = position_lines(
        report,
        request.greeks_type,
        n_real,
        accounts.positions.average_price,
        None if before is None else before.market,
    )
    assets = asset_lines(report)
    units = unit_lines(report, _with_spot(report, lines, assets, before), before)
    return format_position_builder_reply(_totals(report, assets, units))


def _with_spot(
    report: MarginReport,
    lines: dict[str, list[PositionLine]],
    assets: tuple[AssetLine, ...],
    before: MarginReport | None,
) -> dict[str, list[PositionLine]]:
    """The lines of each unit, the spot that it uses last."""
    index, asset = report.market.index, {line.currency: line for line in assets}
    with_spot = {}
    for coin in report.units["unit"]:
        pair, mine = f"{coin}-USD", asset[coin]
        index_before = None if before is None else before.market.index[pair]
        with_spot[coin] = [*lines[coin], *spot_line(coin, mine.spot_in_use, mine.equity, index[pair], index_before)]
    return with_spot


def _totals(
    report: MarginReport, assets: tuple[AssetLine, ...], units: tuple[RiskUnitLine, ...]
) -> PositionBuilderReply:
    account = report.accounts.iloc[0]
    equity, borrow_mmr = float(account.gross_equity_usd), float(account.borrow_mmr_usd)
    required = float(report.required_usd[0])
    held = [line for unit in units for line in unit.positions if line.instrument_type != "SPOT"]
    return PositionBuilderReply(
        equity=equity,
        mmr=float(account.mmr_usd),
        imr=float(account.imr_usd),
        borrow_mmr=borrow_mmr,
        derivatives_mmr=float(account.derivatives_mmr_usd),
        margin_ratio=equity / required if required > 0 else None,
        upl=float(sum(unit.upl for unit in units)),
        leverage=sum(line.notional_usd for line in held) / equity if equity != 0 else None,
        time_ms=int(report.market.time.astype("datetime64[ms]").astype(np.int64)),
        assets=assets,
        units=units,
    )
