"""The plan of a forced conversion: which assets are sold, in what order, and what of a debt that buys back.

okx_portfolio_margin.md section 11, modelled where it leaves the choice open. Assets go for USDT, and USDT buys the
currency that is owed: higher discount rates first, then what trades better. NumPy, on the host: few accounts convert.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.numerics.ordering import place_in_group

DUST = 1e-12
"""Shares of a debt below it are rounding and make no trade."""


@dataclass(frozen=True)
class Assets:
    """What may be sold, one entry an account and currency, sorted by account and in the order of sale.

    Attributes:
        account, currency: Of each entry.
        amount: In units of the currency.
        price_usd: Of one unit.
        is_usdt: Nothing has to be sold, then.
    """

    account: np.ndarray
    currency: np.ndarray
    amount: np.ndarray
    price_usd: np.ndarray
    is_usdt: np.ndarray


@dataclass(frozen=True)
class BuyBacks:
    """What must be bought back, one entry an account and currency, sorted by account and in order; as ``Assets``."""

    account: np.ndarray
    currency: np.ndarray
    amount: np.ndarray
    price_usd: np.ndarray
    is_usdt: np.ndarray


@dataclass(frozen=True)
class Trades:
    """Sales for purchases, in order, one entry each.

    Attributes:
        account: Who trades.
        sold, bought: Currencies.
        sold_amount, bought_amount: In units of each.
        value_usd: Of what is sold.
        fee_usd, slippage_usd: Costs of both trades.
    """

    account: np.ndarray
    sold: np.ndarray
    sold_amount: np.ndarray
    bought: np.ndarray
    bought_amount: np.ndarray
    value_usd: np.ndarray
    fee_usd: np.ndarray
    slippage_usd: np.ndarray


def plan_conversion(assets: Assets, buy_backs: BuyBacks, fee: float, slippage: float) -> Trades:
    """Sell assets in order until every debt is bought back, or nothing is left.

    The first debt of every account takes from its first asset, then from its second, then the next debt from what is
    left: each step is one pass over all accounts.

    Args:
        assets: What may be sold.
        buy_backs: What must be bought back.
        fee: Fraction of the value of each trade; nothing is paid where USDT is sold or bought.
        slippage: Likewise.
    """
    cost = fee + slippage
    # In USD of USDT: what a unit of an asset yields, and what the purchases take.
    per_unit = assets.price_usd * np.where(assets.is_usdt, 1.0, 1.0 - cost)
    wanted = buy_backs.amount * buy_backs.price_usd / np.where(buy_backs.is_usdt, 1.0, 1.0 - cost)
    left, missing = assets.amount.copy(), wanted.copy()
    steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
    for debt in _by_rank(buy_backs.account):
        for asset in _by_rank(assets.account):
            _, first, second = np.intersect1d(buy_backs.account[debt], assets.account[asset], return_indices=True)
            d, a = debt[first], asset[second]
            taken = np.minimum(missing[d], left[a] * per_unit[a])
            taken = np.where(taken > DUST * wanted[d], taken, 0.0)
            sold = np.where(taken >= left[a] * per_unit[a], left[a], taken / per_unit[a])
            left[a] -= sold
            missing[d] -= taken
            steps.append((a[sold > 0], d[sold > 0], sold[sold > 0]))
    asset, debt, sold = (np.concatenate(column) for column in zip(*steps, strict=True))
    return _trades(assets, buy_backs, asset, debt, sold, fee, slippage)


def _by_rank(account: np.ndarray) -> list[np.ndarray]:
    """The first entries of all accounts, then the second ones, and so on; ``account`` is sorted."""
    rank = place_in_group(account)
    return [np.flatnonzero(rank == k) for k in range(int(rank.max(initial=-1)) + 1)]


def _trades(
    assets: Assets,
    buy_backs: BuyBacks,
    asset: np.ndarray,
    debt: np.ndarray,
    sold: np.ndarray,
    fee: float,
    slippage: float,
) -> Trades:
    cost = fee + slippage
    value = sold * assets.price_usd[asset]
    sale_cost = np.where(assets.is_usdt[asset], 0.0, cost * value)
    paid = value - sale_cost
    purchase_cost = np.where(buy_backs.is_usdt[debt], 0.0, cost * paid)
    spent, is_fee = sale_cost + purchase_cost, fee / cost if cost > 0 else 0.0
    order = np.lexsort((np.arange(len(asset)), debt, assets.account[asset]))
    trades = Trades(
        account=assets.account[asset],
        sold=assets.currency[asset],
        sold_amount=sold,
        bought=buy_backs.currency[debt],
        bought_amount=(paid - purchase_cost) / buy_backs.price_usd[debt],
        value_usd=value,
        fee_usd=spent * is_fee,
        slippage_usd=spent * (1.0 - is_fee),
    )
    return Trades(**{name: getattr(trades, name)[order] for name in Trades.__dataclass_fields__})
