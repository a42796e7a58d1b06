"""How a provider does: circuits, the budget of second tries, health."""
