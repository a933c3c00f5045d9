"""An invented population of accounts that fits a market, deterministic from a seed, for examples and benchmarks.

Accounts of every archetype pick among their archetype's trades, all at once in arrays: nothing loops over accounts.
"""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.assembly import assemble_accounts
from shockgrid.accounts.holdings import DEFAULT_SPOT_MODE, SPOT_MODES, Accounts
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.market.source import Source
from shockgrid.synthetic.archetype_funding import draw_balances, draw_limits
from shockgrid.synthetic.archetype_orders import draw_orders
from shockgrid.synthetic.archetype_positions import People, draw_positions
from shockgrid.synthetic.archetype_trades import TradeTable, read_menu, trade_table
from shockgrid.synthetic.archetypes import ARCHETYPES, BORROWER_EQUITY_MAX, DISTRESSED_FRACTION, DISTRESSED_RANGE

MAX_POSITIONS = 500
DEFAULT_SPOT_MODE_FRACTION, AUTO_BORROW_FRACTION = 0.8, 0.95
SCALE_RANGE, BISECTIONS = (1e-6, 1e6), 60
CALLER = "synthetic_accounts"


def synthetic_accounts(
    market: Market, count: int, seed: int = 7, *, mean_positions: float | int | None = None
) -> Accounts:
    """Invent a population of accounts in a market. **The numbers are made up**, not observed.

    Market makers, covered calls, short strangles, calendar spreads, carry, directional, borrowers and dust, with
    heavy-tailed sizes; an id names its archetype (``covered_call-000123``). Archetypes for which the market has no
    instruments are left out and their share goes to the others. From eight accounts on, every archetype is there.

    Args:
        market: Any market with instruments that have not expired.
        count: Number of accounts.
        seed: Same seed, market and arguments, same accounts.
        mean_positions: Mean number of positions an account, about; without it the archetypes' own, about 6. No
            account has more than 500.

    Returns:
        The checked accounts.

    Raises:
        InputError: A market without live instruments, a negative count, or a mean that the market's instruments and the
            archetypes' limits do not allow.
    """
    if count < 0:
        raise InputError(CALLER, "count", "0 or more", count)
    menu = read_menu(market)
    if not len(menu.live):
        raise InputError(CALLER, "market", "a market with at least one live instrument")
    rng = np.random.Generator(np.random.PCG64(seed))
    groups = {name: built for name, archetype in ARCHETYPES.items() if (built := archetype.build(menu))}
    table = trade_table([group for built in groups.values() for group in built])
    people = _draw_people(rng, table, {name: len(built) for name, built in groups.items()}, count, mean_positions)
    traded = draw_positions(rng, market, menu, table, people)
    balances = draw_balances(rng, market, people, traded)
    accounts = Accounts(
        ids=people.ids,
        positions=traded.positions,
        orders=draw_orders(rng, market, menu, people, traded),
        balances=balances,
        limits=draw_limits(rng, market, balances),
        spot_mode=_spot_modes(rng, count),
        auto_borrow=rng.random(count) < AUTO_BORROW_FRACTION,
        declared=np.ones(count, bool),
        source=Source(CALLER),
    )
    return assemble_accounts(accounts)


def _draw_people(
    rng: np.random.Generator, table: TradeTable, group_counts: dict[str, int], count: int, mean: float | int | None
) -> People:
    names = list(group_counts)

    def knob(column: str) -> np.ndarray:
        return np.array([getattr(ARCHETYPES[name], column) for name in names])[archetype]

    shares = np.array([ARCHETYPES[name].share for name in names])
    archetype = rng.permutation(np.repeat(np.arange(len(names)), _quotas(shares, count)))
    group = _draw_groups(rng, table, np.repeat(np.arange(len(names)), list(group_counts.values())), archetype)
    size = _lognormal(rng, knob("size_usd"), knob("size_sigma"))
    wish = _lognormal(rng, knob("trades"), knob("trades_sigma"))
    width = np.maximum(table.width[group], 1.0)
    most = np.minimum(np.minimum(knob("trades_max"), table.size[group]), MAX_POSITIONS // width).astype(int)
    return People(
        ids=_account_ids(names, archetype),
        group=group,
        coin=table.coin[group],
        trades=_trade_counts(wish, np.minimum(knob("trades_min"), most), most, width, mean),
        size_usd=np.minimum(size, knob("size_max_usd")) * table.scale[group],
        equity_frac=_equity_frac(rng, knob("equity_frac"), knob("equity_sigma"), knob("spot_frac")),
        **{column: knob(column) for column in ("coin_margin", "sign", "spot_frac", "traded_frac")},
    )


def _quotas(shares: np.ndarray, count: int) -> np.ndarray:
    """Accounts by archetype: proportional, at least one each where there are enough accounts."""
    least = np.ones(len(shares), int) if count >= len(shares) else np.zeros(len(shares), int)
    exact = (count - least.sum()) * shares / shares.sum()
    quota = exact.astype(int)
    largest = np.argsort(quota - exact, kind="stable")[: count - least.sum() - quota.sum()]
    quota[largest] += 1
    return least + quota


def _draw_groups(rng: np.random.Generator, table: TradeTable, owner: np.ndarray, archetype: np.ndarray) -> np.ndarray:
    group = np.zeros(len(archetype), np.int64)
    for a in np.unique(archetype):
        mine, drawn = np.flatnonzero(owner == a), archetype == a
        weight = table.weight[mine]
        group[drawn] = rng.choice(mine, int(drawn.sum()), p=weight / weight.sum())
    return group


def _lognormal(rng: np.random.Generator, median: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    return median * np.exp(sigma * rng.standard_normal(len(median)))


def _trade_counts(
    wish: np.ndarray, least: np.ndarray, most: np.ndarray, width: np.ndarray, mean: float | int | None
) -> np.ndarray:
    """Whole numbers of trades near the wished ones, scaled so that accounts have ``mean`` positions on average."""

    def counts(scale: float) -> np.ndarray:
        return np.clip(np.rint(scale * wish), least, most).astype(int)

    if mean is None or not len(wish):
        return counts(1.0)
    low, high = SCALE_RANGE
    bounds = [(counts(scale) * width).mean() for scale in SCALE_RANGE]
    if not bounds[0] <= mean <= bounds[1]:
        raise InputError(CALLER, "mean_positions", f"between {bounds[0]:.3g} and {bounds[1]:.3g} here", mean)
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if (counts(middle) * width).mean() < mean else (low, middle)
    return counts(high)


def _equity_frac(rng: np.random.Generator, median: np.ndarray, sigma: np.ndarray, spot_frac: np.ndarray) -> np.ndarray:
    distressed = rng.random(len(median)) < DISTRESSED_FRACTION
    left = np.where(distressed, rng.uniform(*DISTRESSED_RANGE, len(median)), 1.0)
    most = np.where(spot_frac > 0, BORROWER_EQUITY_MAX * spot_frac, np.inf)
    return np.minimum(_lognormal(rng, median, sigma) * left, most)


def _account_ids(names: list[str], archetype: np.ndarray) -> np.ndarray:
    return np.array([f"{names[a]}-{i:06d}" for i, a in enumerate(archetype.tolist())], object)


def _spot_modes(rng: np.random.Generator, count: int) -> np.ndarray:
    other = rng.integers(0, len(SPOT_MODES), count)
    default = rng.random(count) < DEFAULT_SPOT_MODE_FRACTION
    return np.where(default, SPOT_MODES.index(DEFAULT_SPOT_MODE), other).astype(np.int32)
