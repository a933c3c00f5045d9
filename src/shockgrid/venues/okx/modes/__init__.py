"""OKX's other account modes: margin position by position, and whether an account may switch.

Rule text: okx_portfolio_margin.md section 19.
"""
