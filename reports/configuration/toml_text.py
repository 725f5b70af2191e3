"""Texts as TOML, SQL without backslashes before its quotes where that can be."""

import json


def toml_text(text: str) -> str:
    """Return a text as TOML: between triple quotes where it holds double ones and these allow it."""
    if '"' in text and "'''" not in text and not text.endswith("'") and text.isprintable():
        return f"'''{text}'''"
    return json.dumps(text, ensure_ascii=False)


def toml_sql(expression: str) -> str:
    """Return the value of a column that is an expression."""
    return f"{{ sql = {toml_text(expression)} }}"
