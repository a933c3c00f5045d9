"""The invented population: deterministic, heavy-tailed, every archetype, any market, the size that was asked for."""

import dataclasses
from time import perf_counter

import numpy as np
import pytest

from shockgrid.errors import InputError
from shockgrid.market.assembly import assemble_market
from shockgrid.synthetic.archetypes import ARCHETYPES
from shockgrid.synthetic.market import synthetic_market
from shockgrid.synthetic.population import synthetic_accounts


@pytest.fixture(scope="module")
def market():
    return synthetic_market()


@pytest.fixture(scope="module")
def thousand(market):
    return synthetic_accounts(market, 1000)


def archetypes_of(accounts):
    return np.array([name.rsplit("-", 1)[0] for name in accounts.ids])


def position_counts(accounts):
    return np.bincount(accounts.positions.account, minlength=len(accounts))


def restricted(market, keep):
    """The same market with some of its instruments, and the index prices that these need."""
    t = market.table
    columns = {f.name: getattr(t, f.name)[keep] for f in dataclasses.fields(t) if f.name != "details"}
    table = dataclasses.replace(t, **columns, details={})
    needed = {*t.coin[keep], *t.settle[keep]}
    index = {pair: price for pair, price in market.index.items() if pair.split("-")[0] in needed}
    return assemble_market(market.time, index, table)


def plain_equity_usd(market, accounts):
    """Balance + profit + option value - interest, in USD and without haircuts, written out per account."""
    usd = dict(zip(market.universe.currencies, np.asarray(market.snapshot.index_usd), strict=True))
    equity = np.zeros(len(accounts))
    b, p, c = accounts.balances, accounts.positions, market.universe.contracts
    for row, account in enumerate(b.account):
        equity[account] += (b.amount[row] - b.accrued_interest[row]) * usd[b.currency.names[b.currency.codes[row]]]
    for row, account in enumerate(p.account):
        i, average = p.instrument.codes[row], p.average_price[row]
        mark, size = market.snapshot.mark[i], p.quantity[row] * c.contract_value[i]
        settle = market.universe.currencies[c.settle[i]]
        if c.is_option[i]:
            equity[account] += size * mark * usd[settle]
        elif np.isfinite(average):
            profit = 1 / average - 1 / mark if c.is_inverse[i] else mark - average
            equity[account] += size * profit * usd[settle]
    return equity


def flat(record):
    """Every array inside a record of records."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value) and field.name != "source":
            yield from flat(value)
        elif isinstance(value, np.ndarray):
            yield value


def test_same_seed_same_accounts_and_another_seed_others(market):
    first, again, other = (synthetic_accounts(market, 300, seed) for seed in (1, 1, 2))
    for left, right in zip(flat(first), flat(again), strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(first.positions.account) != len(other.positions.account)


def test_all_archetypes_in_their_shares(thousand):
    names, counts = np.unique(archetypes_of(thousand), return_counts=True)
    assert set(names) == set(ARCHETYPES)
    for name, count in zip(names, counts, strict=True):
        assert count == pytest.approx(1000 * ARCHETYPES[name].share, abs=10)


def test_eight_accounts_hold_every_archetype(market):
    assert set(archetypes_of(synthetic_accounts(market, 8))) == set(ARCHETYPES)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_accounts(market, count):
    assert len(synthetic_accounts(market, count)) == count


def test_sizes_are_heavy_tailed(market):
    accounts = synthetic_accounts(market, 3000)
    equity = np.sort(plain_equity_usd(market, accounts))
    assert equity[-30:].sum() > 0.2 * equity.sum()
    assert equity[-1] > 100 * np.median(equity)


def test_leverage_and_debt_are_of_the_intended_size(market, thousand):
    p, c = thousand.positions, market.universe.contracts
    i = p.instrument.codes
    unit = np.where(
        c.is_inverse, c.contract_value, c.contract_value * market.snapshot.index_usd[c.coin_currency[c.coin]]
    )
    gross = np.bincount(p.account, np.abs(p.quantity) * unit[i], len(thousand))
    frac = np.divide(plain_equity_usd(market, thousand), gross, where=gross > 0, out=np.full(len(gross), np.nan))
    kinds = archetypes_of(thousand)
    for name in ("market_maker", "short_strangle", "calendar_spread", "cash_and_carry"):
        assert 0.08 < np.nanmedian(frac[kinds == name]) < 0.4
        assert np.nanmedian(frac[kinds == name]) == pytest.approx(ARCHETYPES[name].equity_frac, rel=0.3)
    borrowing = np.unique(thousand.balances.account[thousand.balances.amount < 0])
    assert set(np.flatnonzero(kinds == "borrower")) <= set(borrowing)
    assert (thousand.balances.accrued_interest[thousand.balances.amount >= 0] == 0).all()
    assert (thousand.balances.accrued_interest > 0).any()


def test_there_are_orders_limits_and_missing_prices(market, thousand):
    names = [thousand.orders.instrument.names[code] for code in thousand.orders.instrument.codes]
    assert any(name in set(market.universe.ids) for name in names)
    assert "BTC-USDT" in names
    assert np.isfinite(thousand.limits.spot_limit).any()
    assert np.isfinite(thousand.limits.borrow_limit).any()
    assert 0.02 < np.isnan(thousand.positions.average_price).mean() < 0.3
    assert 0 < (~thousand.auto_borrow).mean() < 0.2
    assert len(np.unique(thousand.spot_mode)) > 1


def test_quantities_are_whole_lots(market, thousand):
    lot = market.table.details["lot"][market.order][thousand.positions.instrument.codes]
    lots = thousand.positions.quantity / lot
    np.testing.assert_allclose(lots, np.rint(lots), atol=1e-5)


def test_carry_across_stablecoins_is_there(market, thousand):
    kinds, p = archetypes_of(thousand), thousand.positions
    held = {}
    for account, code in zip(p.account, p.instrument.codes, strict=True):
        held.setdefault(account, set()).add(market.universe.ids[code])
    pairs = [a for a, ids in held.items() if kinds[a] == "cash_and_carry" and {"BTC-USDT-SWAP", "BTC-USDC-SWAP"} <= ids]
    assert len(pairs) > 5


@pytest.mark.parametrize("mean", [3, 20, 40])
def test_mean_positions(market, mean):
    accounts = synthetic_accounts(market, 4000, mean_positions=mean)
    counts = position_counts(accounts)
    assert counts.mean() == pytest.approx(mean, rel=0.15)
    assert counts.max() <= 500
    assert counts.max() > 5 * mean


def test_the_longest_book_has_500_positions(market):
    assert position_counts(synthetic_accounts(market, 4000, mean_positions=20)).max() == 500


def test_a_mean_out_of_reach_is_an_error(market):
    with pytest.raises(InputError) as caught:
        synthetic_accounts(market, 100, mean_positions=400)
    assert caught.value.path == "mean_positions"


def test_options_alone_are_enough(market):
    only = restricted(market, (market.table.kind == "option") & (market.table.coin == "BTC"))
    accounts = synthetic_accounts(only, 1000)
    kinds = archetypes_of(accounts)
    assert {"market_maker", "covered_call", "short_strangle", "calendar_spread", "borrower", "dust"} == set(kinds)
    assert set(accounts.balances.currency.names) == {"BTC", "USD"}
    assert (position_counts(accounts)[kinds == "covered_call"] > 0).all()
    assert position_counts(synthetic_accounts(only, 2000, mean_positions=10)).mean() == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize("kind", ["perpetual", "future"])
def test_one_delta_one_kind_is_enough(market, kind):
    accounts = synthetic_accounts(restricted(market, market.table.kind == kind), 200)
    assert {"market_maker", "cash_and_carry", "directional", "borrower", "dust"} <= set(archetypes_of(accounts))


def test_one_instrument_is_enough(market):
    accounts = synthetic_accounts(restricted(market, market.table.id == "BTC-USDT-SWAP"), 50)
    assert {"market_maker", "directional"} <= set(archetypes_of(accounts))


def test_a_market_without_instruments_is_an_error(market):
    with pytest.raises(InputError):
        synthetic_accounts(restricted(market, np.zeros(len(market.table), bool)), 10)


def test_a_hundred_thousand_accounts_take_seconds(market):
    start = perf_counter()
    accounts = synthetic_accounts(market, 100_000, mean_positions=20)
    assert perf_counter() - start < 30
    assert position_counts(accounts).mean() == pytest.approx(20, rel=0.15)


def test_calendar_spreads_span_two_expiries_of_one_coin(market, thousand):
    kinds, p, u = archetypes_of(thousand), thousand.positions, market.universe
    for account in np.flatnonzero(kinds == "calendar_spread"):
        held = p.instrument.codes[p.account == account]
        assert len(set(u.contracts.coin[held])) == 1
        assert len(set(u.expiry[held])) > 1


def test_nothing_expired_is_held(market):
    later = np.datetime64("2025-06-30T00:00:00", "ms")
    moved = assemble_market(later, market.index, market.table)
    accounts = synthetic_accounts(moved, 300)
    expiry = moved.universe.expiry[accounts.positions.instrument.codes]
    assert (np.isnat(expiry) | (expiry > later)).all()
