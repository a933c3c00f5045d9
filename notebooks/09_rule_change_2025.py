# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # January 2025: the rules change four times in seven weeks
#
# Between 30 December 2024 and 21 January 2025 OKX replaced its portfolio margin. Version 1 had a risk unit for each
# coin **and** settlement currency, so a short USDT perpetual did not offset a long inverse one. Version 2 merges them,
# and charges for the merger: a basis risk on every tenor (MR4) and the depeg of a stablecoin (MR9). A week later the
# shocks were lowered, and nine days after that the multipliers of large positions.
#
# Who paid less, who paid more, and which of the steps did it? The books and prices below are invented; the rules are
# the exchange's as far as they are public.

# %%
import json
import tempfile
from itertools import pairwise
from pathlib import Path

import pandas as pd

import shockgrid as sg

pd.options.display.float_format = "{:,.1f}".format
SCRATCH = Path(tempfile.mkdtemp())

STEPS = ["okx/v1-2024-06-05", "okx/v2-2024-12-30", "okx/v2-2025-01-06", "okx/v2-2025-01-15"]
WHAT = {
    "okx/v2-2024-12-30": "units merged, MR4 and MR9 new",
    "okx/v2-2025-01-06": "smaller shocks",
    "okx/v2-2025-01-15": "wider MR7 tiers",
}

# %% [markdown]
# ## What changed, number by number
#
# Here are the last two steps (`shockgrid rulebook diff` prints them). Numbers that OKX never printed are `modelled`.

# %%
lowered, widened = (
    sg.rulebook_diff(sg.load_rulebook(before), sg.load_rulebook(after)) for before, after in pairwise(STEPS[1:])
)
lowered

# %%
widened

# %% [markdown]
# ## Four books
#
# The same market, the same positions, four rulebooks in one call. The first book is directional. The second hedges
# options with USDT perpetuals: two units before the merger, one after. The third is long inverse and short USDT
# perpetuals: flat in price, and all of it a bet on USDT. The fourth sells a quarterly future against coins.

# %%
market = sg.synthetic_market(time="2025-01-05T12:00:00Z")
btc = market.index["BTC-USD"]


def book(name, balances, **positions):
    return {
        "id": name,
        "balances": balances,
        "positions": [{"instrument": i.replace("_", "-"), "quantity": q} for i, q in positions.items()],
    }


books = [
    book("long BTC perp", {"USDT": 400_000}, BTC_USDT_SWAP=1_000),
    book("short calls, hedged", {"USDT": 400_000}, BTC_USD_250328_110000_C=-1_000, BTC_USDT_SWAP=350),
    book("inverse vs USDT perp", {"USDT": 400_000}, BTC_USD_SWAP=10 * btc / 100, BTC_USDT_SWAP=-1_000),
    book("cash and carry", {"BTC": 10, "USDT": 100_000}, BTC_USDT_250328=-1_000),
]
(SCRATCH / "books.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": books}))
desk = sg.margin(market, sg.read_accounts(SCRATCH / "books.json"), rulebooks=STEPS)

table = desk.accounts.pivot_table(index="account", columns="rulebook", values="mmr_usd", sort=False)
table.assign(change=lambda t: [f"{x:+.0%}" for x in t[STEPS[-1]] / t[STEPS[0]] - 1])

# %% [markdown]
# The cross-stablecoin book gains most: two full margins became one charge for the peg. The directional book pays less
# in the end only because the shocks fell; the merger itself made it pay MR4, which version 1 charged on hedges alone.
# The carry pays more: version 1 charged a few tenths of a per cent on both legs, version 2 charges the future's basis
# by the square root of its time.

# %%
desk.plot_account("inverse vs USDT perp")

# %%
desk.plot_account("short calls, hedged")

# %% [markdown]
# Any version has its whole report, with explanations:

# %%
print(desk[STEPS[1]].explain("cash and carry"))

# %% [markdown]
# ## A population
#
# Two thousand invented accounts of eight kinds. The right panel shows how each step spread over the accounts.

# %%
population = sg.synthetic_accounts(market, 2_000, seed=5)
everyone = sg.margin(market, population, rulebooks=STEPS)
everyone.plot_population()

# %%
changes = everyone.changes.assign(
    kind=lambda c: c.account.str.rsplit("-", n=1).str[0], step=lambda c: c["to"].map(WHAT)
)
sums = changes.pivot_table(index="kind", columns="step", values=["change_usd", "mmr_before_usd"], aggfunc="sum")
(100 * sums.change_usd / sums.mmr_before_usd)[list(WHAT.values())]  # per cent of the margin before the step

# %% [markdown]
# The merger splits the population: who traded one settlement currency only gained nothing from it and pays the new
# MR4; who hedged across currencies saves. The lower shocks then help everybody, and the MR7 tiers only the largest.

# %%
merger = changes[changes["to"] == STEPS[1]]
share = merger.assign(pays=pd.cut(merger.change_frac, [-1.01, -0.01, 0.01, 100.0], labels=["less", "same", "more"]))
share.pivot_table(index="kind", columns="pays", values="account", aggfunc="count", observed=False)

# %% [markdown]
# ## How sure is this
#
# The parts that carry the story are published: the shocks, MR4's moves, the list of units. The MR7 tiers of other coins
# than BTC and ETH, most of the volatility table and MR3, MR5 are not, and stay the same in both versions here, so
# they shift levels more than changes. What a result rests on is in its manifest.

# %%
rests_on = {entry["rulebook"]: len(entry["modelled"]) for entry in everyone.manifest["rulebooks"]}
pd.Series(rests_on, name="modelled parameters")

# %% [markdown]
# On the command line:
#
# ```console
# $ shockgrid margin market.json accounts.json --rulebook okx/v1-2024-06-05 --rulebook okx/v2-2025-01-15
# $ shockgrid margin market.json accounts.json --rulebook all --out replay
# $ shockgrid rulebook diff okx/v1-2024-06-05 okx/v2-2024-12-30
# ```
