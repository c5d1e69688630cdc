"""How well it works: rates, speed, and the pages that show them."""
