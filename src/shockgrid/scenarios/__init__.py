"""Every contract once under every scenario, then sums over what accounts hold."""
