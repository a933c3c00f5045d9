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
# # A tour of shockgrid
#
# shockgrid computes the portfolio margin of crypto accounts under an exchange's rules (here OKX's), for one account or
# for a whole book at once. It also says what each number rests on: which scenario, which component of the rules, and
# which parameters are the exchange's and which are this project's own choices.
#
# You need three things: a **market** (contracts and prices at one time), **accounts** (balances, positions, orders)
# and a **rulebook** (one dated version of the rules). The examples are invented; nothing in them is market data.

# %%
import json
import tempfile
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.express as px

import shockgrid as sg

pd.options.display.float_format = "{:,.2f}".format

here = Path.cwd()
EXAMPLES = next(folder / "examples" for folder in (here, *here.parents) if (folder / "examples/market.json").exists())
SCRATCH = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Load
#
# Both files are plain JSON (`docs/formats.md`); folders of Parquet tables work too. A file with anything wrong in it is
# refused with the place and what was expected there. Nothing is filled in or dropped silently.

# %%
market = sg.read_market(EXAMPLES / "market.json")
accounts = sg.read_accounts(EXAMPLES / "accounts.json")

print(f"{len(market.table):,} instruments on {', '.join(market.universe.coins)} at {market.time} UTC")
print(f"{len(accounts)} accounts, {len(accounts.positions.instrument)} positions")
market.index

# %% [markdown]
# ## Choose the rules
#
# A rulebook holds every number of one version of the rules. `"okx"` alone means the newest version; a study names
# the version that it uses, so that it gives the same figures next year.

# %%
rules = sg.load_rulebook("okx/v2-2025-01-15")
print(rules.summary)
print("in force from", rules.effective)
rules.parameters["mr1.price_moves"].value  # fractions of the index price, by group of coins

# %% [markdown]
# ## Margin
#
# One call. The first takes some seconds, because the kernels are compiled; later calls of a similar size are fast.
# Everything is in USD. `mmr_usd` is the maintenance margin and `imr_usd` the initial margin; `equity_usd` is
# after collateral haircuts. The ratio is equity over maintenance margin (plus a fee on what is borrowed). A ratio of
# 1 or less means forced liquidation, of 3 or less a warning.

# %%
report = sg.margin(market, accounts, rules)

nearest = report.accounts.sort_values("margin_ratio")
nearest[["account", "equity_usd", "mmr_usd", "imr_usd", "liability_usd", "margin_ratio", "status"]]

# %% [markdown]
# `imr_usd` is 1.3 times the derivatives' maintenance margin plus the initial margin of borrowing, unless open orders
# could make the book riskier. Then they are charged before they fill: `cash_and_carry-000007` has such an order. A dust
# account without positions or debt needs no margin, and its ratio is infinite.
#
# ## What an account's margin is made of
#
# Under version 2 of the rules all contracts on one coin, and the spot that hedges them, form a **risk unit**. Units do
# not offset each other. Each has nine components (`docs/rules.md`); MR8, borrowing, belongs to the account and is
# repeated on its units.

# %%
ACCOUNT = nearest.account.iloc[0]
mine = report.units[report.units.account == ACCOUNT].set_index("unit")
mine[[f"mr{k}" for k in range(1, 10)] + ["mmr_usd", "dominant"]].T

# %% [markdown]
# The components combine as `max( max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, MR7 )`: the worst of three market moves,
# plus four risks that this move leaves out, and at least what closing the positions would cost. `dominant` names the
# component that decided. Units and borrowing then add up to the account's figure.

# %%
worst_move = mine[["mr1", "mr2", "mr6"]].max(axis=1)
by_hand = np.maximum(worst_move + mine[["mr3", "mr4", "mr5", "mr9"]].sum(axis=1), mine.mr7)
of_account = report.accounts.set_index("account").loc[ACCOUNT]

np.testing.assert_allclose(by_hand, mine.mmr_usd, rtol=1e-12)
np.testing.assert_allclose(by_hand.sum() + of_account.borrow_mmr_usd, of_account.mmr_usd, rtol=1e-12)

# %% [markdown]
# ## The 21 scenarios of one unit
#
# MR1 revalues the unit in seven price moves and three volatility states and charges the worst loss. Red cells lose and
# blue ones gain; `worst_price_move` and `worst_vol_state` in `report.units` name the worst cell.

# %%
unit = mine.mr1.idxmax()
cells = report.scenarios.query("account == @ACCOUNT and unit == @unit")
grid = cells.pivot_table(index="vol_state", columns="price_move", values="pnl_usd").loc[["up", "unchanged", "down"]]
grid.columns = [f"{move:+.0%}" for move in grid.columns]

print(f"worst: price {mine.worst_price_move[unit]:+.0%}, volatility {mine.worst_vol_state[unit]}")
px.imshow(
    grid / 1e3,
    color_continuous_scale="RdBu",
    color_continuous_midpoint=0,
    text_auto=",.0f",
    aspect="auto",
    title=f"{ACCOUNT}, {unit} unit: P&L in thousand USD",
    labels={"x": "price move", "y": "volatility", "color": "P&L"},
)

# %% [markdown]
# ## Which positions drive it
#
# `marginal_mmr_usd` is the account's maintenance margin less what it would be without the position. A negative
# figure belongs to a hedge: closing that position alone would raise the margin. The figures do not add up to the
# margin, because the rules are not linear.

# %%
drivers = sg.marginal_margin(report, [ACCOUNT]).drop(columns="account").sort_values("marginal_mmr_usd")
pd.concat([drivers.head(3), drivers.tail(3)])

# %% [markdown]
# ## What the numbers rest on
#
# Exchanges do not publish every number of their models. Each parameter says how sure it is: `published`,
# `corroborated`, `inferred` or `modelled`. A modelled one is this project's choice, and every result lists those of its
# rulebook, together with versions and precision. `docs/parameters.md` shows all of them with their sources.

# %%
modelled = {key: rules.parameters[key] for key in report.manifest["modelled"]}
print(f"{len(modelled)} of {len(rules.parameters)} parameters are modelled, wholly or for some groups")
print({key: report.manifest[key] for key in ("rulebook", "precision", "versions")})
pd.DataFrame({"unit": p.unit, "note": p.note} for p in modelled.values()).set_index(pd.Index(modelled)).head(6)

# %% [markdown]
# ## Does a modelled number matter?
#
# A rulebook is a TOML file, and one's own may extend a packaged one and override single values. Here the volatility
# shocks are milder for all options but those about to expire. What is overridden counts as modelled, and every result
# names it. Accounts without options do not care; compare the others.

# %%
(SCRATCH / "milder-vol.toml").write_text("""
format = "shockgrid.rulebook/1"
extends = "okx/v2-2025-01-15"
version = "milder-vol"
mr1.vol_shock_points.value = [0.30, 0.15, 0.10, 0.07, 0.05]
mr1.vol_shock_relative.value = [0.45, 0.20, 0.15, 0.10, 0.08]
""")

milder = sg.margin(market, accounts, sg.load_rulebook(SCRATCH / "milder-vol.toml"))
change = pd.DataFrame(
    {"mmr_usd": report.accounts.mmr_usd.values, milder.rules.name: milder.accounts.mmr_usd.values},
    index=report.accounts.account,
)
change["change_frac"] = change[milder.rules.name] / change.mmr_usd - 1
print(milder.manifest["overrides"])
change.sort_values("change_frac").head(6)

# %% [markdown]
# ## Another market
#
# A market is data too. Suppose that USDT falls to 0.97 USD while the coins keep their price in USD: then everything
# quoted in USDT costs more USDT. Balances in USDT lose, contracts quoted in USDT gain or lose with their direction, and
# MR9 charges more where they hedge contracts in another currency.


# %%
def with_usdt_at(price_usd: float, document: dict) -> dict:
    factor = price_usd / document["index"]["USDT-USD"]
    moved = deepcopy(document)
    for pair in moved["index"]:
        base, quote = pair.split("-")
        moved["index"][pair] *= factor ** ((base == "USDT") - (quote == "USDT"))
    for instrument in moved["instruments"]:
        if instrument["settle"] == "USDT":
            instrument["mark"] /= factor
    return moved


document = json.loads((EXAMPLES / "market.json").read_text(encoding="utf-8"))
(SCRATCH / "depegged.json").write_text(json.dumps(with_usdt_at(0.97, document)), encoding="utf-8")
depegged = sg.margin(sg.read_market(SCRATCH / "depegged.json"), accounts, rules)


def key_figures(of: sg.MarginReport) -> pd.DataFrame:
    figures = of.accounts.set_index("account")[["equity_usd", "mmr_usd", "margin_ratio"]]
    return figures.assign(mr9=of.units.groupby("account").mr9.sum())


both = pd.concat({"before": key_figures(report), "after": key_figures(depegged)}, axis=1)
both[both["after"].mr9 > 0].T

# %% [markdown]
# ## A larger book
#
# Contracts are priced once, whatever the number of accounts, so a book of thousands takes little longer than one of
# twelve. `sg.synthetic_accounts` invents a population that trades in a market; the same seed gives the same accounts.

# %%
population = sg.synthetic_accounts(market, 2000, seed=1)
big = sg.margin(market, population, rules)
big.accounts.assign(kind=big.accounts.account.str.rsplit("-", n=1).str[0]).pivot_table(
    index="kind", columns="status", values="account", aggfunc="count", fill_value=0
)

# %%
decided = big.units.groupby("dominant").mmr_usd.agg(["size", "sum"]).rename(columns={"size": "units", "sum": "mmr_usd"})
decided.sort_values("mmr_usd", ascending=False)

# %% [markdown]
# ## Where to go next
#
# * `report.save("folder")` writes the frames as Parquet and the manifest as JSON.
# * `shockgrid margin examples/market.json examples/accounts.json` does the same from the shell; `shockgrid --help`
#   lists the commands.
# * `docs/formats.md` describes the files to write for your own market and accounts, and every result column.
# * `docs/rules.md` explains how the margin is computed, component by component, and which file does it.
# * `docs/parameters.md` lists every number of the rulebook with its source.
