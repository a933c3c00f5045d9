"""Rounding a market's axes up to size buckets, so that markets of similar size share compiled functions."""

from __future__ import annotations

import dataclasses

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.size_bucket import pad_axis, size_bucket

# Padding prices as a linear contract of no size at a price of 1: every formula stays finite.
_CONTRACT_FILL = dict.fromkeys((f.name for f in dataclasses.fields(Contracts)), 0) | {"strike": 1}
del _CONTRACT_FILL["denomination_currency"]
_INSTRUMENT_FILL = {"quote_index": 1.0, "mark": 1.0, "forward": 1.0, "vol": 0.0, "years": 0.0, "funding_rate": 0.0}

LEAST_INSTRUMENTS = 64
"""Below 16, compiled code rounds some figures otherwise; and up to here a market of any size shares compilations."""
LEAST_COINS, LEAST_CURRENCIES, LEAST_TENORS = 4, 8, 8


def currency_bucket(n: int) -> int:
    """Length of the currency axis of kernels, for so many currencies."""
    return size_bucket(n, LEAST_CURRENCIES)


def pad_market(
    contracts: Contracts, snapshot: Snapshot, n_instruments: int | None = None
) -> tuple[Contracts, Snapshot]:
    """Pad instruments, coins, currencies and tenors with entries that nothing refers to.

    Args:
        contracts: NumPy arrays.
        snapshot: NumPy arrays; leading axes stay as they are.
        n_instruments: Length of the instrument axis; by default its size bucket, ``LEAST_INSTRUMENTS`` at least.
    """
    n = n_instruments or size_bucket(len(contracts.coin), LEAST_INSTRUMENTS)
    n_coins = size_bucket(len(contracts.coin_currency), LEAST_COINS)
    padded_contracts = Contracts(
        **{
            name: pad_axis(getattr(contracts, name), n_coins if name == "coin_currency" else n, fill)
            for name, fill in _CONTRACT_FILL.items()
        },
        denomination_currency=contracts.denomination_currency,
    )
    n_currencies = currency_bucket(snapshot.index_usd.shape[-1])
    tenor_years = pad_axis(snapshot.tenor_years, size_bucket(snapshot.tenor_years.shape[-1], LEAST_TENORS), 0.0)
    padded_snapshot = Snapshot(
        index_usd=pad_axis(snapshot.index_usd, n_currencies, 1.0),
        tenor_years=pad_axis(tenor_years, n_coins, 0.0, axis=-2),
        usdt_usdc=snapshot.usdt_usdc,
        **{name: pad_axis(getattr(snapshot, name), n, fill) for name, fill in _INSTRUMENT_FILL.items()},
    )
    return padded_contracts, padded_snapshot
