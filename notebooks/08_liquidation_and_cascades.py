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
# # Liquidation and cascades
#
# *What happens below 100 %? What does it cost, who pays, and does it make the next account fall?*
#
# An exchange that liquidates does not sell everything at once. It cancels orders, pays debts back, hedges, and only
# then closes positions, in small steps, until the margin ratio is above 110 %. This notebook plays that for one
# account, for a crowd, along a real crash, and finally with prices that the liquidations themselves move.
#
# The **order of the stages** is OKX's. Step sizes, costs and the cascade are **models of this project**, every number a
# parameter; `docs/liquidation.md` has the rules. The market and the accounts are generated.

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.express as px

import shockgrid as sg

pd.options.display.float_format = "{:,.2f}".format
px.defaults.template, px.defaults.height = "simple_white", 340
px.defaults.color_discrete_sequence = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"]

rules = sg.load_rulebook("okx/v2-2025-12-04")
market = sg.synthetic_market(strikes_per_expiry=10, expiries=4)
accounts = sg.synthetic_accounts(market, 1_000, mean_positions=8)
CRASH = {"price": {"BTC": -0.15, "ETH": -0.20}, "vol": 0.10}

# %% [markdown]
# ## One account
#
# All accounts are shocked and liquidated in one call. `shock=` moves the market first, and counts positions without an
# entry price as entered before it.

# %%
report = sg.liquidate(market, accounts, rules, shock=CRASH)
report.accounts.groupby("outcome").agg(
    accounts=("account", "size"), steps=("steps", "sum"), fees=("fees_usd", "sum"), fund=("fund_loss_usd", "sum")
)

# %% [markdown]
# The one that went through the most stages. The bars are the margin ratio after each step, the lines below the delta of
# each coin: hedging first flattens delta, reduction then takes the rest.

# %%
stages = report.steps.groupby("account").stage.nunique()
longest = report.steps.groupby("account").step.max()
recovered = set(report.accounts.query("outcome == 'recovered'").account)
someone = max((a for a in stages.index if a in recovered), key=lambda a: (stages[a], -longest[a]))
report.plot(someone)

# %%
print(report.explain(someone)[:3_000])

# %% [markdown]
# ## A crowd
#
# Who needs which stage? Each account counts once for every stage that it traded in.

# %%
kind = report.steps.account.str.rsplit("-", n=1).str[0]
met = report.steps.assign(kind=kind).groupby(["kind", "stage"]).account.nunique().rename("accounts").reset_index()
px.bar(met, x="accounts", y="kind", color="stage", title="Accounts that met each stage", height=420)

# %% [markdown]
# What it costs, in parts of what the account had. Option books pay most: what is left when wings are sold is spread.

# %%
touched = report.accounts.query("outcome != 'untouched' and equity_before_usd > 0")
cost = (touched.fees_usd + touched.slippage_usd) / touched.equity_before_usd
kinds = touched.account.str.rsplit("-", n=1).str[0]
px.box(x=cost, y=kinds, labels={"x": "cost over equity", "y": ""}, title="Cost of being liquidated", height=420)

# %% [markdown]
# ## Along the crash of 5 August 2024
#
# Bitcoin fell by a sixth within a day, ether by a quarter. Every hour the accounts of the hour before are margined on
# the new prices, and liquidated where they must be. Where the price files are not at hand, an invented path of the same
# depth stands in.

# %%
here = Path.cwd()
PROJECT = next(folder for folder in (here, *here.parents) if (folder / "examples/market.json").exists())
SHARED = Path(os.environ.get("SHOCKGRID_SHARED", PROJECT.parent / "shared"))
prices = SHARED / "data/spot/binance_spot_5m_2024-08_crash.parquet"
coins = list(market.universe.coins)
if prices.exists():
    bars = pd.read_parquet(prices)
    bars = bars.assign(coin=bars.pair.str.replace("[-/]?USDT$", "", regex=True)).query("coin in @coins")
    path = bars.pivot_table(index="timestamp_utc", columns="coin", values="close")
    path = path.loc["2024-08-04 12:00":"2024-08-05 18:00"].iloc[::12]
else:
    hours = np.linspace(0.0, 1.0, 31)
    fall = {coin: 1.0 - (0.25 if coin != "BTC" else 0.17) * np.sin(np.pi * hours) for coin in coins}
    path = pd.DataFrame(fall, index=pd.date_range("2024-08-04 12:00", periods=31, freq="h", tz="UTC"))
path = path / path.iloc[0]
px.line(path, title="Prices since noon of 4 August", labels={"value": "", "timestamp_utc": "", "index": ""})

# %%
held, rows = accounts, []
for time, level in path.iloc[1:].iterrows():
    found = sg.liquidate(market, held, rules, shock={"price": (level - 1.0).to_dict()})
    held = found.after
    rows.append(found.accounts.outcome.value_counts().rename(time))
hourly = pd.DataFrame(rows).fillna(0).drop(columns="untouched")
px.bar(hourly, title="Accounts liquidated in each hour", labels={"value": "accounts", "index": "", "variable": ""})

# %% [markdown]
# ## A cascade
#
# Now the trades of all accounts meet one liquidity: selling moves the price, the price brings down the next account. A
# shallow market, and a small fund.

# %%
chain = sg.cascade(market, accounts, rules, shock=CRASH, depth_usd=2e5, fund_usd=1e5, max_rounds=40)
chain.plot()

# %%
chain.rounds[["round", "liquidated", "bankrupt", "turnover_usd", "loss_usd", "fund_usd", "residual_usd"]].head(12)

# %% [markdown]
# `residual_usd` is what the books of all accounts and the totals of the market disagree by: nothing but rounding. Money
# is neither made nor lost.
#
# How much of the fall is the cascade's own doing depends on depth. With infinite depth each account is liquidated as if
# it were alone.

# %%
own = {}
for depth in (np.inf, 1e8, 1e7, 1e6, 2e5):
    found = sg.cascade(market, accounts, rules, shock=CRASH, depth_usd=depth, max_rounds=40)
    last = found.prices.pivot_table(index="round", columns="coin", values="price_move")
    own[f"{depth:,.0f}"] = {
        "rounds": len(found.rounds),
        "liquidated": int((found.accounts.outcome != "untouched").sum()),
        "BTC moves by %": 100 * ((1 + last.BTC).prod() - 1),
        "losses": found.rounds.loss_usd.sum(),
    }
pd.DataFrame(own).T.rename_axis("depth of each coin, USD")

# %% [markdown]
# ## Who pays what the fund cannot
#
# Profitable positions, in the order of profit times leverage; what is left after them is taken from everyone.

# %%
chain.deleveraging.head(8)

# %% [markdown]
# The order can be held against one real event: on 10 October 2025 Hyperliquid deleveraged thousands of profitable
# accounts (Powered by HyperReplay - (c) ConejoCapital). The file holds only those who were chosen, not those who were
# not, so it can contradict the rule but not prove it. It does not: nearly all of them were in profit.

# %%
event = SHARED / "data/liquidations/hyperliquid_adl_accounts_2025-10-10.parquet"
if event.exists():
    chosen = pd.read_parquet(event).query("account_value_usd > 0")
    score = chosen.unrealised_pnl_pct_of_entry / 100 * chosen.leverage_at_adl
    by_size = chosen.assign(score=score).sort_values("adl_notional_usd", ascending=False)
    shown = pd.Series(
        {
            "accounts": len(chosen),
            "share in profit": (chosen.unrealised_pnl_pct_of_entry > 0).mean(),
            "median score": score.median(),
            "median score of the largest tenth": by_size.score.head(len(chosen) // 10).median(),
        }
    )
else:
    shown = "the file is not at hand"
shown
