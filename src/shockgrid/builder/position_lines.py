"""The lines of a reply's risk units: every position as it was listed, and the spot that hedges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shockgrid.builder.contract_greeks import contract_greeks
from shockgrid.io.okx.position_builder import GreeksType
from shockgrid.io.okx.reply import InstrumentType, PositionLine
from shockgrid.market.market import Market
from shockgrid.market.universe import KINDS
from shockgrid.report.margin_report import MarginReport

INSTRUMENT_TYPE: dict[str, InstrumentType] = {"perpetual": "SWAP", "future": "FUTURES", "option": "OPTION"}


def position_lines(
    report: MarginReport, greeks_type: GreeksType, n_real: int, average_price: np.ndarray, before: Market | None
) -> dict[str, list[PositionLine]]:
    """Lines of all positions by coin, in the order listed; positions in one instrument are not netted.

    Args:
        report: Of one account.
        greeks_type: The Greeks' convention.
        n_real: So many of the positions, the first ones, are real.
        average_price: Of each position as it was given, NaN where it was not.
        before: The market before the move of the index, if one was asked for.
    """
    universe, snapshot = report.market.universe, report.market.snapshot
    held, place = report.inputs.positions, {name: i for i, name in enumerate(universe.ids.tolist())}
    instrument = np.array([place[name] for name in held.instrument.names], np.int64)[held.instrument.codes]
    greeks = contract_greeks(report.market, report.exposures, instrument, greeks_type)
    float_pnl = _float_pnl(report, instrument)
    notional_usd = np.abs(held.quantity) * _contract_usd(report.market)[instrument]
    lines: dict[str, list[PositionLine]] = {coin: [] for coin in universe.coins}
    for row, i in enumerate(instrument.tolist()):
        quantity = float(held.quantity[row])
        lines[universe.coins[universe.contracts.coin[i]]].append(
            PositionLine(
                instrument=str(universe.ids[i]),
                instrument_type=INSTRUMENT_TYPE[KINDS[universe.kinds[i]]],
                amount=quantity,
                average_price=None if np.isnan(average_price[row]) else float(average_price[row]),
                mark_before=None if before is None else float(before.snapshot.mark[i]),
                mark=float(snapshot.mark[i]),
                float_pnl=float(float_pnl[row]),
                notional_usd=float(notional_usd[row]),
                delta=quantity * float(greeks.delta[row]),
                gamma=quantity * float(greeks.gamma[row]),
                theta=quantity * float(greeks.theta[row]),
                vega=quantity * float(greeks.vega[row]),
                side="net",
                is_real=row < n_real,
            )
        )
    return lines


def spot_line(
    coin: str, in_use: float, equity: float, index_usd: float, before: float | None
) -> Iterator[PositionLine]:
    """The line of spot in use; none where none is.

    Args:
        coin: Of the unit.
        in_use: Coins that hedge.
        equity: The account's equity in the coin.
        index_usd: Of the coin.
        before: The index before the move, if one was asked for.
    """
    if in_use != 0:
        yield PositionLine(
            instrument=coin,
            instrument_type="SPOT",
            amount=in_use,
            average_price=None,
            mark_before=before,
            mark=index_usd,
            float_pnl=None,
            notional_usd=abs(in_use) * index_usd,
            delta=equity,
            gamma=None,
            theta=None,
            vega=None,
            side="",
            is_real=False,
        )


def _float_pnl(report: MarginReport, instrument: np.ndarray) -> np.ndarray:
    """Unrealised P&L of each position in its settlement currency; 0 without an average price."""
    contracts, held = report.market.universe.contracts, report.inputs.positions
    size, mark = held.quantity * contracts.contract_value[instrument], report.market.snapshot.mark[instrument]
    entry = np.where(np.isnan(held.average_price), mark, held.average_price)
    inverse = contracts.is_inverse[instrument]
    with np.errstate(divide="ignore", invalid="ignore"):  # an option's mark may be 0
        return np.where(inverse, size * (1.0 / entry - 1.0 / mark), size * (mark - entry))


def _contract_usd(market: Market) -> np.ndarray:
    """Size of one contract of each instrument at the coin's index in USD; of an inverse one its USD."""
    contracts = market.universe.contracts
    index = market.snapshot.index_usd[contracts.coin_currency[contracts.coin]]
    return np.where(contracts.is_inverse, contracts.contract_value, contracts.contract_value * index)
