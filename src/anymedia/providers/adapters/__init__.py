"""One package per provider, each exporting its `Provider` value."""
