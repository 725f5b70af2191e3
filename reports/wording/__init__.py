"""Names, numbers, money and dates as text, the same on every page and in every figure."""
