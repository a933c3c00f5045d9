"""Files: native formats, option chains, rulebooks."""
