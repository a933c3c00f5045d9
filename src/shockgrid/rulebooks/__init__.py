"""Rule versions as TOML, one file a version, and what each must hold."""
