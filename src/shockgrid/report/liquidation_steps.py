"""The ``steps`` frame of a liquidation: one row a leg, in the order of the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shockgrid.accounts.holdings import Orders
from shockgrid.market.market import Market
from shockgrid.report.frame_columns import names
from shockgrid.venues.okx.liquidation.figures import AccountFigures
from shockgrid.venues.okx.liquidation.process import StageLog
from shockgrid.venues.okx.liquidation.repayment import RepaymentLog
from shockgrid.venues.okx.liquidation.sequence import ORDER, Liquidated
from shockgrid.venues.okx.rulebook import Rulebook

COLUMNS = (
    "account",
    "step",
    "stage",
    "unit",
    "instrument",
    "quantity",
    "price",
    "fee_usd",
    "slippage_usd",
    "mmr_before_usd",
    "mmr_after_usd",
    "ratio_before",
    "ratio_after",
    "reason",
)
NO_UNIT = -1


@dataclass(frozen=True)
class Legs:
    """Legs of trades; columns as in the frame, names as places.

    Attributes:
        account: Place among the accounts that are liquidated.
        stage: Place in ``ORDER``.
        trade: Counts the trades of a log, in order.
        unit: Of the market, or ``NO_UNIT``.
        instrument: Of the market; currencies are counted after the instruments.
        figures: Of each trade: MMR and ratio before and after.
        reason: Place among reasons.
    """

    account: np.ndarray
    stage: np.ndarray
    trade: np.ndarray
    unit: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    fee_usd: np.ndarray
    slippage_usd: np.ndarray
    mmr_before_usd: np.ndarray
    mmr_after_usd: np.ndarray
    ratio_before: np.ndarray
    ratio_after: np.ndarray
    reason: np.ndarray


REASONS = {
    "cancel_orders": "orders are cancelled first",
    "repayment": "a debt is bought back",
    "ddh1": "MR9 decides the unit",
    "ddh2": "MR1 or MR6 decides a unit with options",
    "basis": "largest MR4, legs that offset",
    "reduction": "largest relief for its cost",
    "final_repayment": "a debt is bought back",
}
WHOLE_UNIT = "no position alone relieves: a slice of the unit"
_TEXTS = (*(REASONS[stage] for stage in ORDER), WHOLE_UNIT)


def stage_legs(log: StageLog, market: Market) -> Legs:
    """Legs of a contract stage: contracts of each entry, and coins of each unit's spot."""
    n, turn, book = len(market.universe), log.turn, log.books.book
    trade, entry = np.nonzero(turn.trade.contracts)
    spot_trade = np.flatnonzero(turn.trade.coins)
    instrument = book.instrument[log.place[trade], entry]
    currency = book.spot_currency[log.place[spot_trade], turn.trade.unit[spot_trade]]

    def both(contracts: np.ndarray, coins: np.ndarray) -> np.ndarray:
        return np.append(contracts[trade, entry], coins[spot_trade])

    of_trade = np.append(trade, spot_trade)
    by_unit = len(ORDER) * turn.by_unit + ORDER.index(log.stage) * ~turn.by_unit
    return Legs(
        account=log.books.account[log.place[of_trade]],
        stage=np.full(len(of_trade), ORDER.index(log.stage)),
        trade=of_trade,
        unit=book.unit_key[log.place, turn.trade.unit][of_trade],
        instrument=np.append(instrument, n + currency),
        quantity=both(turn.trade.contracts, turn.trade.coins),
        price=np.append(market.snapshot.mark[instrument], market.snapshot.index_usd[currency]),
        fee_usd=both(turn.costs.fee_usd, turn.costs.spot_fee_usd),
        slippage_usd=both(turn.costs.slippage_usd, turn.costs.spot_slippage_usd),
        reason=by_unit[of_trade],
        **_figures(turn.before, turn.after, of_trade),
    )


def repayment_legs(log: RepaymentLog, market: Market, rules: Rulebook) -> Legs:
    """Legs of a repayment: what is sold, then what is bought."""
    t, n, n_trades = log.trades, len(market.universe), len(log.trades.account)
    of_trade = np.repeat(np.arange(n_trades), 2)
    currency = np.stack([t.sold, t.bought], axis=1).reshape(-1)
    usdt = np.array([name == "USDT" for name in market.universe.currencies])
    fee, slippage = float(rules["conversion.fee_frac"]), float(rules["conversion.slippage_frac"])
    sale = np.where(usdt[t.sold], 0.0, t.value_usd)
    purchase = np.where(usdt[t.bought], 0.0, t.value_usd - (fee + slippage) * sale)
    charged = np.stack([sale, purchase], axis=1).reshape(-1)
    return Legs(
        account=log.books.account[t.account[of_trade]],
        stage=np.full(len(of_trade), ORDER.index(log.stage)),
        trade=of_trade,
        unit=np.full(len(of_trade), NO_UNIT),
        instrument=n + currency,
        quantity=np.stack([-t.sold_amount, t.bought_amount], axis=1).reshape(-1),
        price=market.snapshot.index_usd[currency],
        fee_usd=fee * charged,
        slippage_usd=slippage * charged,
        reason=np.full(len(of_trade), ORDER.index(log.stage)),
        **_figures(log.before, log.after, of_trade),
    )


def _figures(before: AccountFigures, after: AccountFigures, trade: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "mmr_before_usd": before.mmr_usd[trade],
        "mmr_after_usd": after.mmr_usd[trade],
        "ratio_before": before.margin_ratio[trade],
        "ratio_after": after.margin_ratio[trade],
    }


def all_legs(parts: Sequence[Liquidated], market: Market, rules: Rulebook) -> Legs:
    """Legs of all stages of all accounts, stage by stage.

    Args:
        parts: What became of accounts of each size.
        market: Names and prices.
        rules: Costs of conversion.
    """
    legs = [
        stage_legs(log, market) if isinstance(log, StageLog) else repayment_legs(log, market, rules)
        for part in parts
        for log in part.logs
    ]
    nothing = {name: np.zeros(0, float if name in _NUMBERS else int) for name in Legs.__dataclass_fields__}
    return Legs(**{name: np.concatenate([empty, *(getattr(x, name) for x in legs)]) for name, empty in nothing.items()})


def steps_frame(
    legs: Legs, cancelled: pd.DataFrame, market: Market, rules: Rulebook, ids: np.ndarray, units: tuple[str, ...]
) -> pd.DataFrame:
    """All legs of all accounts, in their order.

    Args:
        legs: From ``all_legs``.
        cancelled: From ``cancelled_orders``.
        market: Names.
        rules: Their structure.
        ids: Of the accounts that were liquidated.
        units: Names of the market's risk units.
    """
    frame = pd.DataFrame(
        {
            "place": legs.account,
            "stage_place": legs.stage,
            "trade": legs.trade,
            "account": names(ids, legs.account),
            "stage": names(_shown(rules), legs.stage),
            "unit": names(("", *units), legs.unit + 1),
            "instrument": names([*market.universe.ids, *market.universe.currencies], legs.instrument),
            **{name: getattr(legs, name) for name in _NUMBERS},
            "reason": names(_TEXTS, legs.reason),
        }
    )
    frame = pd.concat([cancelled, frame], ignore_index=True) if len(cancelled) else frame
    # The sort is stable: legs of a trade stay as they are.
    frame = frame.sort_values(["place", "stage_place", "trade"], kind="stable", ignore_index=True)
    return frame.assign(step=_numbers(frame)).loc[:, list(COLUMNS)]


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Number of the step of each leg, from 1 in every account."""
    keys = frame[["place", "stage_place", "trade"]].to_numpy()
    if not len(keys):
        return np.zeros(0, int)
    new = np.append(True, (keys[1:] != keys[:-1]).any(axis=1))
    number = np.cumsum(new)
    begins = np.append(True, keys[1:, 0] != keys[:-1, 0])
    return number - np.repeat(number[begins], np.diff(np.append(np.flatnonzero(begins), len(keys)))) + 1


_NUMBERS = COLUMNS[COLUMNS.index("quantity") : COLUMNS.index("reason")]


def _shown(rules: Rulebook) -> tuple[str, ...]:
    """Names of the stages; version 1 has one kind of delta hedge."""
    return tuple("ddh" if name == "ddh2" and rules.structure == "v1" else name for name in ORDER)


def cancelled_orders(orders: Orders, parts: Sequence[Liquidated], ids: np.ndarray) -> pd.DataFrame:
    """Rows of the orders that are cancelled, which change no figure.

    Args:
        orders: Of the accounts that are liquidated.
        parts: For the figures.
        ids: Of those accounts.
    """
    mmr, ratio = np.zeros(len(ids)), np.zeros(len(ids))
    for part in parts:
        mmr[part.books.account] = part.before.now.account.mmr_usd
        ratio[part.books.account] = part.before.now.account.margin_ratio
    n, at = len(orders.quantity), orders.account
    none = np.zeros(n)
    return pd.DataFrame(
        {
            "place": at.astype(int),
            "stage_place": np.zeros(n, int),
            "trade": np.zeros(n, int),
            "account": names(ids, at),
            "stage": names(ORDER, np.zeros(n, np.int64)),
            "unit": names(("",), np.zeros(n, np.int64)),
            "instrument": names(orders.instrument.names or ("",), orders.instrument.codes),
            "quantity": orders.quantity.astype(float),
            "price": orders.price.astype(float),
            "fee_usd": none,
            "slippage_usd": none,
            "mmr_before_usd": mmr[at],
            "mmr_after_usd": mmr[at],
            "ratio_before": ratio[at],
            "ratio_after": ratio[at],
            "reason": names(_TEXTS, np.zeros(n, np.int64)),
        }
    )
