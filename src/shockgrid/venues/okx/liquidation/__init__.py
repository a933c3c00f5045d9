"""Forced liquidation in OKX's order of stages, one file a stage; docs/liquidation.md has the rules.

contract_terms   what trading one contract costs            book      one account, laid out for kernels
figures          an account margined exactly                 trades    sizes of legs, costs, what a trade changes
ddh1 ddh2 basis reduction   candidates of each stage         stage     the loop: value all candidates, trade the best
"""
