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
# # Rules and what-ifs
#
# *What happens if I add this? Why did my margin jump? Where is my liquidation price?*
#
# Under portfolio margin no position has a margin of its own. The exchange asks what the **whole book** would lose if
# things went wrong, and nine kinds of "wrong" have a name: MR1 to MR9. This notebook takes one small book and meets
# each of the nine with a trade that makes it larger or smaller. Then it answers the three questions. You need to know
# what a perpetual and an option are, and nothing about the rules.
#
# The market is invented. The rules are OKX's of December 2025, as far as they are public; `docs/rules.md` has every
# formula and says which parts are a choice of this project. All amounts are in USD.

# %%
import json
import tempfile
from pathlib import Path

import pandas as pd
import plotly.express as px

import shockgrid as sg

pd.options.display.float_format = "{:,.2f}".format
px.defaults.template, px.defaults.height = "simple_white", 340
GREY, BLUE, ORANGE = "#B5B5B5", "#0072B2", "#E69F00"
px.defaults.color_discrete_sequence = [BLUE, ORANGE]

here = Path.cwd()
PROJECT = next(folder for folder in (here, *here.parents) if (folder / "examples/market.json").exists())
SCRATCH = Path(tempfile.mkdtemp())

market = sg.read_market(PROJECT / "examples/market.json")
rules = sg.load_rulebook("okx/v2-2025-12-04")

# %% [markdown]
# ## One book
#
# Two bitcoins long by perpetuals. Against one of them a call is sold, which earns a premium and gives up the rise
# above its strike. Below the other a put is bought, as insurance. The cash is USDT, and a contract is a hundredth of
# a bitcoin.

# %%
PERPETUAL, CALL, PUT = "BTC-USDT-SWAP", "BTC-USD-250725-118000-C", "BTC-USD-250725-92000-P"


def trades(*pairs):
    """Contracts of instruments, negative to sell."""
    return [{"instrument": instrument, "quantity": contracts} for instrument, contracts in pairs if contracts]


book = {"id": "mine", "balances": {"USDT": 80_000}, "positions": trades((PERPETUAL, 200), (CALL, -100), (PUT, 100))}
(SCRATCH / "book.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": [book]}))
accounts = sg.read_accounts(SCRATCH / "book.json")

size = dict(zip(market.table.id, market.table.contract_value, strict=True))
assert {size[PERPETUAL], size[CALL], size[PUT]} == {0.01}

# %% [markdown]
# ## What it needs today

# %%
report = sg.margin(market, accounts, rules)
report.accounts[["account", "equity_usd", "mmr_usd", "imr_usd", "margin_ratio", "status"]]

# %% [markdown]
# **Equity** is what you own, after haircuts on collateral. **MMR**, the maintenance margin, is what the book must be
# able to lose. Equity over MMR is the **margin ratio**: at 3, or 300 %, there is a warning, and at 1 the exchange
# takes over. **IMR**, the initial margin, is what equity must cover before you may open more. It is 1.3 times the MMR
# of the contracts, as long as no order is open and nothing is borrowed.

# %%
today = report.accounts.iloc[0]
assert (rules["ratio.warning"], rules["ratio.liquidation"]) == (3, 1)
assert abs(today.margin_ratio - today.equity_usd / today.mmr_usd) < 1e-9
assert abs(today.imr_usd - 1.3 * today.mmr_usd) < 1e-6

report.plot_components("mine")

# %% [markdown]
# All contracts on one coin are one **risk unit**, and within it they may hedge each other. Its margin is put together
# like this:
#
# > max( **max( MR1, MR2, MR6 )** + MR3 + MR4 + MR5 + MR9,  **MR7** )
#
# The worst of three market moves counts. Four risks that such a move leaves out come on top. And the whole is never
# less than what closing the contracts would cost. To the margin of the units the account adds **MR8**, for what it
# has borrowed.
#
# Now for the what-ifs. These are the shortcuts that the rest of the notebook uses: one margins the book after an
# edit, one after each of several edits, and three draw what came out. The book itself stays as it is.


# %%
def what_if(**edit):
    return sg.what_if(market, accounts, rules, **edit)


def along(edits):
    """The risk unit after each of several edits, by name."""
    return pd.concat([what_if(**edit).after.units.assign(edit=name) for name, edit in edits.items()]).set_index("edit")


def bars(found, component, title):
    drawn = found.rename(columns={component: component.upper()})
    return px.bar(
        drawn, y=component.upper(), title=title, labels={"edit": "", component.upper(): f"{component.upper()} (USD)"}
    )


def lines(found, *components, x, title):
    drawn = found[list(components)].rename(columns=lambda name: name.removesuffix("_usd").upper())
    return px.line(drawn, markers=True, title=title, labels={"edit": x, "value": "USD", "variable": ""})


def before_and_after(found, title):
    parts = found.units[found.units.component.isin([f"mr{k}" for k in range(1, 10)])]
    parts = parts.assign(component=parts.component.str.upper()).melt("component", ["before", "after"], " ", "USD")
    return px.bar(
        parts,
        x="component",
        y="USD",
        color=" ",
        barmode="group",
        title=title,
        labels={"component": ""},
        color_discrete_sequence=[GREY, BLUE],
    )


# %% [markdown]
# ## MR1: the coin moves
#
# **The risk:** a bad day. The coin moves by up to 12 %, its volatility moves with it, and your positions are still
# there.
#
# The unit is revalued in seven moves of the price, each with three states of volatility. MR1 is the loss in the worst
# of the 21 cells.

# %%
moves = report.scenarios.price_move
assert (moves.nunique(), moves.max(), len(report.scenarios)) == (7, 0.12, 21)
assert abs(report.units.mr1[0] + report.scenarios.pnl_usd.min()) < 1e-6

report.plot_grid("mine", "BTC")

# %% [markdown]
# The book is long, so it loses on the left. **What if** you buy another bitcoin? Or another put?

# %%
found = along(
    {
        "the book": {},
        "100 more perpetuals": {"add": trades((PERPETUAL, 100))},
        "100 more puts": {"add": trades((PUT, 100))},
    }
)
assert found.mr1["100 more puts"] < found.mr1["the book"] < found.mr1["100 more perpetuals"]
bars(found, "mr1", "Direction raises MR1, insurance lowers it")

# %% [markdown]
# ## MR2: nothing moves
#
# **The risk:** a day passes, nothing happens, and the options that you have paid for are worth less.
#
# **What if** you buy straddles that expire tomorrow, a call and a put of the same strike?

# %%
STRADDLE = ("BTC-USD-250621-104500-C", "BTC-USD-250621-104500-P")
found = along({n: {"add": trades(*((option, n) for option in STRADDLE))} for n in range(0, 401, 50)})
assert found.dominant[0] == "mr1"
assert found.dominant[400] == "mr2"
assert found.worst_price_move[400] == 0
lines(found, "mr1", "mr2", x="straddles bought", title="Straddles for tomorrow: MR1 falls until decay decides")

# %% [markdown]
# Straddles earn whichever way the coin goes, so they take MR1 away. The premium melts meanwhile, and in the end MR2
# decides. From there MR1 only follows it: its worst cell is now the one in which the coin stands still.
#
# Mind the day after. When such options expire, MR1 is back at once.
#
# ## MR3: near and far volatility part
#
# **The risk:** you are long the volatility of one expiry and short that of another. MR1 moves both together, so they
# cancel. In the market they need not.
#
# **What if** you buy straddles for December and sell as many for March?

# %%
DECEMBER, MARCH = "BTC-USD-251226-115000", "BTC-USD-260327-115000"
bought = trades((f"{DECEMBER}-C", 100), (f"{DECEMBER}-P", 100))
sold = trades((f"{MARCH}-C", -100), (f"{MARCH}-P", -100))
calendar = what_if(add=bought + sold)

change = calendar.units.set_index("component").change
assert change.mr3 > 0 > change.mr1
before_and_after(calendar, "A calendar spread: MR1 falls, MR3 appears")

# %% [markdown]
# MR7 has grown too, as it does with every position that is opened. It is a floor, and here the rest lies well above
# it.
#
# ## MR4: the basis moves
#
# **The risk:** spot, perpetuals and futures drift apart while the coin stands still.
#
# **What if** you hold the same two bitcoins by a future instead of by perpetuals? The direction stays, and so does
# MR1. But the longer a future runs, the further its price can drift from the coin's.

# %%
FUTURES = ("BTC-USDT-250627", "BTC-USDT-250926", "BTC-USDT-251226", "BTC-USDT-260327")
found = along({"perpetual": {}} | {future: {"add": trades((PERPETUAL, -200), (future, 200))} for future in FUTURES})
assert found.mr4.is_monotonic_increasing
assert found.mr1.max() - found.mr1.min() < 0.01
bars(found, "mr4", "The same two bitcoins, held by contracts that run longer")

# %% [markdown]
# ## MR5: interest rates move
#
# **The risk:** the rate changes at which money is carried to an expiry, and with it what options are worth.
#
# **What if** you buy a call and sell the put of the same strike, which together are a future, and sell that future?
# Traders call this a reversal. It has no direction and no volatility, and MR1 does not notice it. What is left is a
# rate.

# %%
FUTURE, STRIKE = "BTC-USD-251226", 100_000
options = trades((f"{FUTURE}-{STRIKE}-C", 200), (f"{FUTURE}-{STRIKE}-P", -200))
futures = trades((FUTURE, -200 * STRIKE * size[CALL] / size[FUTURE]))  # inverse: worth the strikes of the options
reversal = what_if(add=options + futures)

change = reversal.units.set_index("component").change
assert abs(change.mr1) < 0.01
assert change.mr5 > 1_000
before_and_after(reversal, "A reversal: no direction, no volatility, but a rate")

# %% [markdown]
# ## MR6: a crash
#
# **The risk:** a move twice as large as the largest of MR1. The exchange is taken to close your positions half-way,
# so half of the loss is charged.
#
# For perpetuals, half of twice the move is what MR1 says already. MR6 is there for options that lose little on an
# ordinary bad day. **What if** you sell puts far below the market?

# %%
FAR_PUT = "BTC-USD-250627-91000-P"
assert rules.parameters["mr6.price_move"].value["A"] == 2 * moves.max()
assert rules["mr6.loss_fraction"] == 0.5

found = along({n: {"add": trades((FAR_PUT, -n))} for n in range(0, 601, 50)})
assert found.dominant[0] == "mr1"
assert found.dominant[600] == "mr6"
lines(found, "mr1", "mr6", x="puts sold", title="Puts sold far below the market: MR6 takes over")

# %% [markdown]
# ## MR7: getting out
#
# **The risk:** liquidation itself. Every contract must be closed, for a fee and across a spread, and large positions
# move the market. Nothing offsets anything here.
#
# Of a book with direction MR7 is a small part. **What if** you first hedge the book, and then trade butterflies,
# which carry hardly any risk but are four options each?

# %%
HEDGE = ("BTC-USDC-SWAP", -160)
LOW, MIDDLE, HIGH = (f"BTC-USD-250725-{strike}-C" for strike in (118_000, 124_000, 132_000))
found = along({n: {"add": trades(HEDGE, (LOW, n), (MIDDLE, -2 * n), (HIGH, n))} for n in range(0, 801, 100)})
assert found.mmr_usd[0] > found.mr7[0]
assert found.mmr_usd[800] == found.mr7[800]
lines(found, "mmr_usd", "mr7", x="butterflies", title="Butterflies on a hedged book: the floor becomes the margin")

# %% [markdown]
# ## MR8: borrowing
#
# **The risk:** you owe a currency that you do not have.
#
# **What if** you buy spot bitcoins for more USDT than there are? The account borrows the rest. Its rate rises in
# tiers, and the tier of the **whole** debt applies to all of it. So MR8 jumps where a tier begins.

# %%
price = market.index["BTC-USDT"]
bought = {n / 5: {"balances": {"BTC": n / 5, "USDT": -n / 5 * price}} for n in range(1, 41)}
found = along({0.0: {}} | bought)
assert found.mr8[0.0] == 0 < found.mr8[8.0]
assert found[["mr1", "mr4", "mr7", "mr9"]].std().max() < 0.01
lines(found, "mr8", x="bitcoins bought", title="Spot bought with borrowed USDT").update_traces(mode="markers")

# %% [markdown]
# No other component has moved. Spot is collateral; it enters a unit only as far as it hedges contracts that are
# short.
#
# ## MR9: a stablecoin breaks
#
# **The risk:** a contract in USDT hedges one in USDC, or one in dollars, only as long as a USDT is worth a dollar.
#
# **What if** you hold the book's bitcoins by USDC perpetuals instead, short as many in USDT, and then USDT falls?

# %%
swapped = trades((PERPETUAL, -400), ("BTC-USDC-SWAP", 400))
found = along({1 - n / 100: {"add": swapped, "shock": {"peg": {"USDT": -n / 100}}} for n in range(9)})
assert found.mr9.is_monotonic_increasing
assert found.mr9.iloc[-1] > 10 * found.mr9.iloc[0]
falling = lines(
    found, "mr9", x="price of USDT over today's", title="Long by USDC perpetuals, short by USDT ones, while USDT falls"
)
falling.update_xaxes(autorange="reversed")

# %% [markdown]
# Those were the nine. Now for questions that a day of trading brings.
#
# ## What if I hedge with another coin?
#
# Ether tends to fall with bitcoin, so a short in ether looks like a hedge. But **units never offset each other**. To
# the exchange it is a second bet, with a margin of its own.

# %%
ether = what_if(add=trades(("ETH-USDT-SWAP", -800)))
after = ether.after.accounts.iloc[0]
assert after.mmr_usd > 1.5 * today.mmr_usd
print(f"margin {today.mmr_usd:,.0f} USD before, {after.mmr_usd:,.0f} after")
print(f"margin ratio {today.margin_ratio:.0%} before, {after.margin_ratio:.0%} after")

ether.after.plot_components("mine")

# %% [markdown]
# ## How much more can I trade?
#
# `sg.max_quantity` finds the largest trade that keeps the margin ratio at a level or above it, here that of the
# warning. It margins the book exactly, down to a single lot.

# %%
room = sg.max_quantity(market, accounts, rules, [PERPETUAL, CALL, PUT], ratio=3.0)
assert (room.ratio >= 3).all()
assert (room.ratio_next < 3).all()
most = room.set_index(["instrument", "side"]).quantity
assert most[PERPETUAL, "buy"] < -most[PERPETUAL, "sell"]
assert most[PUT, "buy"] > -most[PUT, "sell"]
room[["instrument", "side", "quantity"]]

# %% [markdown]
# There is little room to buy perpetuals and much to sell them, because the first ones sold take direction out of the
# book. For the put it is the other way round: buying it insures, selling it does not.
#
# ## Where is my liquidation price?
#
# Not every position has one: the book has one. It is the price of the coin at which equity has fallen to the margin.
# The margin changes on the way too, so the book is margined anew at every step.

# %%
curve = sg.margin_curve(market, accounts, rules, moves=[n / 100 for n in range(-70, 71)])
at = curve.points.set_index("price_move")
assert at.equity_usd[-0.2] < 0.7 * today.equity_usd
assert at.margin_ratio[-0.2] > today.margin_ratio

curve.plot()

# %% [markdown]
# A fall takes equity, but the contracts shrink with the coin and the put begins to pay. So the ratio holds for long,
# and then goes quickly. The exact prices, for this book and for one with half as many perpetuals more and without the
# put:

# %%
bolder = what_if(add=trades((PERPETUAL, 100)), remove=[{"instrument": PUT}]).after.inputs
books = {"the book": accounts, "bolder": bolder}
prices = pd.concat({name: sg.liquidation_price(market, held, rules) for name, held in books.items()}).droplevel(1)
assert prices.down_price_usd["bolder"] > prices.down_price_usd["the book"]
assert prices.up_price_usd.isna().all()
prices[["price_usd", "margin_ratio", "down_price_usd", "down_move", "up_price_usd"]]

# %% [markdown]
# `NaN`: no rise of the coin, as far as the search goes, liquidates either book.
#
# ## Which of my positions hedge?
#
# `sg.marginal_margin` leaves out one position at a time. A negative figure is a hedge: without the position the
# margin would be **higher**, so closing it to free margin would do the opposite.

# %%
drivers = sg.marginal_margin(report, "mine")
assert (drivers.set_index("instrument").marginal_mmr_usd[[CALL, PUT]] < 0).all()
drivers[["instrument", "quantity", "cash_delta_usd", "marginal_mmr_usd"]]

# %% [markdown]
# The sold call hedges too, because it is short bitcoin. The figures do not add up to the margin: what a position
# costs depends on the others.
#
# ## What would a bad day of the past do?
#
# The rules always look at the same moves. `configs/stress/` keeps days that happened, each with its figures and their
# source, and `sg.stress` margins a book after each of them.

# %%
DAYS = PROJECT / "configs/stress/historical_days.toml"
past = {name: sg.stress(market, held, rules, DAYS) for name, held in books.items()}
days = pd.concat({name: found.accounts for name, found in past.items()}, names=["book", None]).reset_index("book")
assert "liquidation" not in set(past["the book"].accounts.status)
assert (past["bolder"].accounts.status == "liquidation").sum() > 1
assert past["bolder"].accounts.margin_ratio.min() < 0

figure = px.bar(
    days,
    x="margin_ratio",
    y="stress",
    color="book",
    barmode="group",
    height=640,
    labels={"margin_ratio": "margin ratio", "stress": ""},
    title="Both books after days of the past",
)
figure.update_yaxes(autorange="reversed").update_xaxes(tickformat=".0%")
for status in ("liquidation", "warning"):
    mark = {"line": {"dash": "dash", "width": 1, "color": "black"}, "annotation_yanchor": "bottom"}
    figure.add_vline(rules[f"ratio.{status}"], annotation_text=status, annotation_position="top", **mark)
figure

# %% [markdown]
# The book passes through all of them. The bolder one is liquidated more than once, and where its ratio is below zero
# it owes more than it owns. A stress is one jump from today's market: it says whether a book survives, and nothing
# about what you would do on the way.
#
# ## Why is my margin not what it was yesterday?
#
# Last evening you sold some puts. Overnight the coin fell, volatility rose and a day passed. This morning the margin
# ratio is far lower. Which of these did it? `sg.attribute` moves one cause after the other from yesterday to today,
# and margins the book after each.

# %%
puts = trades(("BTC-USD-250627-99000-P", -200))
night = what_if(add=puts, shock={"price": {"BTC": -0.05}, "vol": {"BTC": 0.06}, "time": 1})
why = sg.attribute(night.before, night.after)
why.plot()

# %%
margin = why.contributions.query("figure == 'mmr_usd'").set_index("factor")
assert margin.change.idxmax() == "positions"
assert margin.low["price"] <= margin.change["price"] < 0 < margin.high["price"]
assert abs(margin.change.sum() - why.totals.set_index("figure").change["mmr_usd"]) < 1e-6
margin.loc[margin.change != 0, ["change", "low", "high"]]

# %% [markdown]
# It was the trade. The fall cost equity, but of the old book it lowered the margin, because the same contracts are
# worth less. Had it come after the trade it would have raised it, because it brought the sold puts nearer. That is
# what the thin lines and the columns `low` and `high` show: the least and the most that a cause can be given, in any
# order. The parts always add up to the whole.
#
# ## Would another account mode be cheaper?
#
# In multi-currency margin every position is margined by itself. Here are both modes for the book, and for the book
# hedged with another perpetual, at tenfold leverage.

# %%
pairs = {"the book": accounts, "the book, hedged": what_if(add=trades(HEDGE)).after.inputs}
modes = pd.concat({name: sg.compare_modes(market, held, rules, leverage=10).accounts for name, held in pairs.items()})
NAMES = {
    "imr_usd": "IMR, multi-currency",
    "pm_imr_usd": "IMR, portfolio",
    "mmr_usd": "MMR, multi-currency",
    "pm_mmr_usd": "MMR, portfolio",
}
modes = modes.droplevel(1)[list(NAMES)].rename(columns=NAMES)
modes

# %%
assert modes["IMR, multi-currency"].is_monotonic_increasing
assert modes["IMR, portfolio"].is_monotonic_decreasing
assert modes["MMR, multi-currency"]["the book"] < modes["MMR, portfolio"]["the book"]
px.bar(
    modes,
    y=["IMR, multi-currency", "IMR, portfolio"],
    barmode="group",
    title="Initial margin in two account modes",
    labels={"index": "", "value": "USD", "variable": ""},
    color_discrete_sequence=[GREY, BLUE],
)

# %% [markdown]
# The hedge adds margin in one mode and takes most of it away in the other: that is what portfolio margin is for. The
# book as it is gains little. Its maintenance margin, which decides on liquidation, is even higher. Much of the other
# mode's tables is not public; printing a comparison lists what is a choice.
#
# ## What to take away
#
# | | against | what raises it | what lowers it |
# | --- | --- | --- | --- |
# | MR1 | a bad day | direction, options sold near the market | opposite contracts on the same coin, options bought |
# | MR2 | a quiet day | options bought that expire soon | options sold, later expiries |
# | MR3 | near and far volatility | calendar spreads | the same expiry on both sides |
# | MR4 | the basis | futures and options that run long | perpetuals, shorter contracts |
# | MR5 | rates | reversals, options that run long | fewer of them |
# | MR6 | a crash | options sold far from the market | options bought further out |
# | MR7 | getting out | many contracts, hedged or not | closing what cancels |
# | MR8 | borrowing | a negative balance | paying it back |
# | MR9 | a stablecoin | a hedge in another stablecoin | a hedge in the same one |
#
# * **Before a trade** ask what it does to this book. The same trade is insurance in one book and a bet in another.
# * **Margin jumps** when an option expires that held MR1 down, when a debt reaches a tier, or when another component
#   takes over. `sg.attribute` says what it was, and `report.explain("mine")` what decides today.
# * **Hedge** within the coin and, where you can, within the stablecoin.
# * **The liquidation price** belongs to the book. Every trade moves it, and so do volatility and time.
#
# From the shell, with your own files:
#
# ```console
# $ shockgrid what-if market.json accounts.json --account mine --add BTC-USDT-SWAP=100
# $ shockgrid max-quantity market.json accounts.json BTC-USDT-SWAP --ratio 3
# $ shockgrid liquidation-price market.json accounts.json
# $ shockgrid stress market.json accounts.json configs/stress/historical_days.toml
# ```
