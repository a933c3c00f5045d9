"""Every colour of plots and pages, once.

Hues are those of Okabe and Ito (2008), which people with the common kinds of colour blindness can tell apart. Greys are
of middle lightness, because figures have no background of their own and stand on white and on near-black pages.
"""

from __future__ import annotations

BLUE, SKY, GREEN, YELLOW = "#0072B2", "#56B4E9", "#009E73", "#F0E442"
ORANGE, VERMILLION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

CLEAR = "rgba(0, 0, 0, 0)"
TEXT = "#7B7F86"
"""Readable on white and on near-black."""
GRID = "rgba(128, 128, 128, 0.28)"
OUTLINE_DARK, OUTLINE_LIGHT = "#111111", "#FFFFFF"
"""A mark drawn in both stands out from whatever lies below."""

HOVER, HOVER_TEXT = "#22262C", "#F2F2F2"

LOSS_TO_GAIN = ((0.0, "#D9681D"), (0.25, "#EDB58D"), (0.5, "#F5F3F0"), (0.75, "#A3CBE6"), (1.0, "#4393CB"))
"""Diverging: losses vermillion, nothing nearly white, gains blue; black text is readable on all of it."""

COMPONENTS = {
    "mr1": BLUE,
    "mr6": SKY,
    "mr2": GREEN,
    "mr3": YELLOW,
    "mr4": ORANGE,
    "mr5": PURPLE,
    "mr9": VERMILLION,
    "mr7": "#B5B5B5",
    "mr8": "#6B6B6B",
}
"""Components of a margin; MR7 is hatched besides, so that the two greys differ by more than lightness."""

STATUS = {"liquidation": VERMILLION, "warning": ORANGE, "safe": BLUE}

STAGES = {
    "cancel_orders": "#B5B5B5",
    "repayment": PURPLE,
    "ddh1": VERMILLION,
    "ddh2": BLUE,
    "ddh": BLUE,
    "basis": ORANGE,
    "reduction": GREEN,
    "final_repayment": SKY,
}
"""Stages of a liquidation; a hedge has the colour of the charge that it lowers."""
