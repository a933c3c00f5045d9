"""Why the margin of one risk unit is what it is: components, the positions behind them, the spot in use."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from shockgrid.accounts.row_plan import PlanShape
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.ragged import RaggedShape
from shockgrid.report.contributions import (
    SPOT_IN_USE,
    UnitBook,
    component_contributions,
    pair_charges,
    unit_book,
)
from shockgrid.report.explain_currencies import CurrencyLine
from shockgrid.report.explain_layout import Money, Section, Table
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.margin_summary import COMPONENT_NAMES, components
from shockgrid.report.marginal_margin import mmr_without
from shockgrid.venues.okx.block_margin import CommonShape
from shockgrid.venues.okx.mr9_depeg import PAIRS
from shockgrid.venues.okx.rule_lookup import rule_tables
from shockgrid.venues.okx.unit_margin import TIE_TOLERANCE

WORST_MOVES = ("mr1", "mr6", "mr2")
"""Of these the largest counts, in the order that ties prefer."""

ADDED = ("mr3", "mr4", "mr5", "mr9")
_BASIS_WORDS = {
    "v1": "long and short tenors that hedge each other drift apart",
    "v2": "each tenor's basis moves by itself",
}
N_MAKERS, N_OFFSETS = 5, 4
MARGINAL_ROUNDING = 1e-9
REDUCES = "↓"
"""Before the marginal margin of a position that reduces margin."""
MARGINAL_WORDS = f"Marginal: margin less what it were without the position; {REDUCES} reduces it."

LEAST_SHAPE = asdict(
    PlanShape(
        units=128,
        unit_plan=RaggedShape(rows=112, slices=1, entries=16384),
        currencies=128,
        account_units=RaggedShape(rows=16, slices=1, entries=4096),
        account_currencies=RaggedShape(rows=16, slices=1, entries=4096),
    )
)
"""The copies of most accounts share one compilation; those of larger ones compile for their size bucket."""


def unit_section(report: MarginReport, unit: dict, mmr_usd: float, spot: CurrencyLine | None, money: Money) -> Section:
    """Explain one row of ``report.units``.

    Args:
        report: The report.
        unit: The row.
        mmr_usd: Its margin as rounded in the account's sum.
        spot: The account's line of the unit's coin.
        money: How amounts are written.
    """
    book = unit_book(report, unit["account"], unit["unit"])
    share = unit["mmr_usd"] / max(_account_mmr(report, book), 1e-300)
    title = f"Unit {unit['unit']}: {money(mmr_usd)} USD, {share:.1%} of the account's maintenance margin"
    before = []
    if unit["spot_in_use"] != 0 and spot is not None:
        before.append(_spot_sentence(report, book, unit, spot, money))
    if unit["mmr_usd"] == 0:
        return Section(title, (*before, "The positions net to zero, or carry no risk that is charged."))
    table, charges = waterfall(report, book, unit, mmr_usd, money)
    tables = (table, positions_table(report, book, unit, mmr_usd, charges, money))
    return Section(title, tuple(before), tables, (MARGINAL_WORDS,))


def worst_move(unit: dict) -> str:
    """Which of MR1, MR6 and MR2 counts."""
    largest = WORST_MOVES[0]
    for name in WORST_MOVES[1:]:
        if unit[name] > unit[largest] * (1.0 + TIE_TOLERANCE):
            largest = name
    return largest


def label(component: str) -> str:
    """``MR1 price and volatility``."""
    return f"{component.upper()} {COMPONENT_NAMES[component]}"


def scenario_words(coin: str, unit: dict, has_options: bool) -> str:
    """The worst cell: ``BTC +12%, volatility down``; of a book without options the price move alone."""
    move = f"{coin} {_percent(unit['worst_price_move'])}"
    return f"{move}, volatility {unit['worst_vol_state']}" if has_options else move


def waterfall(
    report: MarginReport, book: UnitBook, unit: dict, mmr_usd: float, money: Money
) -> tuple[Table, dict[str, float]]:
    """Components down to the unit's margin; the column ``counts`` adds up. Second, what counts as rounded there."""
    chosen, floor_decides = worst_move(unit), unit["dominant"] == "mr7"
    names = tuple(name for name in ("mr1", "mr2", "mr6", *ADDED, "mr7") if name in components(report.rules))
    counts = {name: unit[name] if name in (chosen, *ADDED) else 0.0 for name in names}
    counts["mr7"] = unit["mmr_usd"] - sum(counts.values()) if floor_decides else 0.0
    rounded: dict[str, float] = dict(zip(names, money.split(list(counts.values()), mmr_usd), strict=True))
    words = _words(report, book, unit, money)
    rows = []
    for name in names:
        counted = name in (chosen, *ADDED) or (name == "mr7" and floor_decides)
        charge = (
            money(mmr_usd if floor_decides else unit[name])
            if name == "mr7"
            else money(rounded[name] if counted else unit[name])
        )
        if name == unit["dominant"] and words[name]:
            words[name] += " <- dominant"
        rows.append((label(name), charge, money(rounded[name]) if counted else "", words[name]))
    total = ("unit maintenance margin", "", money(mmr_usd), "")
    table = Table(("component", "charge USD", "counts USD", "why"), (*rows, total), left=(0, 3), total=True)
    return table, rounded


def _words(report: MarginReport, book: UnitBook, unit: dict, money: Money) -> dict[str, str]:
    options, coin = _has_options(report, book), report.coin_of(unit["unit"])
    chosen = worst_move(unit)
    fraction, days = (float(report.rules[key]) for key in ("mr6.loss_fraction", "mr2.horizon_days"))
    words = {
        "mr1": scenario_words(coin, unit, options),
        "mr2": f"value that options lose in {days:g} day{'s' * (days != 1)}",
        "mr6": f"{fraction:.0%} of the loss at {coin} {_percent(_extreme_move(report, book, coin))}",
        "mr3": "vegas of expiries offset only partly",
        "mr4": _BASIS_WORDS[report.rules.structure],
        "mr5": "shift and tilt of the rate curve",
        "mr9": _depeg_words(report, book, money) if unit["mr9"] > 0 else "",
        "mr7": "floor, above the sum" if unit["dominant"] == "mr7" else "floor, below the sum",
    }
    for name in set(WORST_MOVES) - {chosen}:
        words[name] += f"; {chosen.upper()} counts"
    return {name: text if unit[name] > 0 else "" for name, text in words.items()}


def _depeg_words(report: MarginReport, book: UnitBook, money: Money) -> str:
    table = rule_tables(report.rules, [""], []).depeg
    assert table is not None
    net = book.column("denominations").sum(axis=0)
    net[2] += book.spot_usd * table.count_spot
    volumes, _ = pair_charges(report, net, table)
    pairs = [(DENOMINATIONS[a], DENOMINATIONS[b], v) for (a, b), v in zip(PAIRS, volumes, strict=True) if v > 0]
    return "hedged " + ", ".join(f"{a}/{b} {money(v)}" for a, b, v in pairs)


def _extreme_move(report: MarginReport, book: UnitBook, coin: str) -> float:
    move = float(report.rules.of_each("mr6.price_move", [coin])[0])
    signed = np.array([move, -move])
    return float(signed[np.argmin(book.column("extreme").sum(axis=0) + book.spot_usd * signed)])


def _has_options(report: MarginReport, book: UnitBook) -> bool:
    return bool(report.market.universe.contracts.is_option[book.instrument].any())


def positions_table(
    report: MarginReport, book: UnitBook, unit: dict, mmr_usd: float, charges: dict[str, float], money: Money
) -> Table:
    """The positions that make the margin, then those that offset it; the rest summed, so that it adds up."""
    parts = component_contributions(report, unit["account"], unit["unit"])
    chosen = "mr7" if unit["dominant"] == "mr7" else worst_move(unit)
    counted = [chosen] if chosen == "mr7" else [chosen, *ADDED]
    total, main = parts[counted].to_numpy().sum(axis=1), parts[chosen].to_numpy()
    quantity = np.append(book.quantity, book.pad + unit["spot_in_use"])
    order = np.argsort(-total, kind="stable")
    shown = _shown(total, order, book.names)
    hidden = np.setdiff1d(order, shown)
    names = [book.names[i] for i in shown]
    amounts, mains = list(total[shown]), list(main[shown])
    quantities = [f"{quantity[i]:,.8g}" for i in shown]
    if len(hidden):
        names.append(f"{len(hidden)} others")
        amounts.append(total[hidden].sum())
        mains.append(main[hidden].sum())
        quantities.append("")
    columns = [names, quantities, money.parts(amounts, mmr_usd)]
    heading, last = ["position", "quantity", "adds USD"], ["unit maintenance margin", "", money(mmr_usd)]
    if chosen != "mr7":
        columns.append(money.parts(mains, charges[chosen]))
        heading.append(f"of which {chosen.upper()}")
        last.append(money(charges[chosen]))
    columns.append(_marginal(report, book, names, money))
    rows = (*zip(*columns, strict=True), (*last, ""))
    return Table((*heading, "marginal USD"), rows, total=True)


def _marginal(report: MarginReport, book: UnitBook, shown: list[str], money: Money) -> list[str]:
    """The account's margin less what it were without each position; those that reduce it are marked."""
    held = set(book.names) - {SPOT_IN_USE}
    asked = [name for name in shown if name in held]
    mmr = _account_mmr(report, book) - mmr_without(
        report, np.full(len(asked), book.account), asked, CommonShape(LEAST_SHAPE)
    )
    rounding = MARGINAL_ROUNDING * max(_account_mmr(report, book), 1.0)
    words = {
        n: f"{REDUCES} {money(x)}" if x < -rounding else money(x) for n, x in zip(asked, mmr.tolist(), strict=True)
    }
    return [words.get(name, "") for name in shown]


def _shown(total: np.ndarray, order: np.ndarray, names: list[str]) -> np.ndarray:
    """Largest makers, then the offsetting ones; the spot in use always; all if only one would be left."""
    if len(order) <= N_MAKERS + N_OFFSETS + 1:
        return order
    positive, negative = order[total[order] > 0], order[total[order] < 0]
    keep = np.concatenate([positive[:N_MAKERS], negative[-N_OFFSETS:] if len(negative) else negative])
    spot = [i for i in order if names[i] == SPOT_IN_USE]
    keep = np.union1d(keep, np.array(spot, int))
    return order if len(order) == len(keep) + 1 else order[np.isin(order, keep)]


def _spot_sentence(report: MarginReport, book: UnitBook, unit: dict, spot: CurrencyLine, money: Money) -> str:
    coin, used = report.coin_of(unit["unit"]), unit["spot_in_use"]
    limit = float(report.rows.units.spot_limit[book.row])
    capped = " The user's limit stops it there." if abs(used) == limit else ""
    return (
        f"Spot in use: {used:,.8g} {coin} ({money(book.spot_usd)} USD), of an equity of {spot.without_options:,.8g} "
        f"{coin} without option value, against the derivatives' delta of {unit['delta_coin']:,.8g} {coin}.{capped}"
    )


def _account_mmr(report: MarginReport, book: UnitBook) -> float:
    return float(report.result.accounts.mmr_usd[book.account])


def _percent(move: float) -> str:
    return f"{100 * move:+.4g}%"


def units_of(report: MarginReport, account: str) -> list[dict]:
    """Rows of ``report.units``, the largest margin first."""
    units: pd.DataFrame = report.units.loc[report.units.account == account]
    rows = [{str(k): v for k, v in row.items()} for row in units.to_dict("records")]
    return sorted(rows, key=lambda row: -row["mmr_usd"])
