"""The engine: everything that touches the world, and all policy. It knows no provider by name."""
