"""A local package, as `examples/everything.py` brings it along. Change WORDS and deploy again: nothing is built."""

WORDS = "Good day"


def greet(name: str) -> str:
    return f"{WORDS}, {name}"
