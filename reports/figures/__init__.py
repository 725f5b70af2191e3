"""Charts, each answering one question, as SVG that is the same each time."""
