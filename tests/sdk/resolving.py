"""A platform that has every Secret and Volume that it is asked for."""

from collections.abc import Mapping

from homeport.sdk.needs import LocalFiles


class EverythingThere:
    """Ids are made from names, so that tests can tell them."""

    def named_secret(self, name: str, environment: str | None, required_keys: tuple[str, ...]) -> str:
        return f"st-{name}"

    def value_secret(self, values: Mapping[str, str]) -> str:
        return f"st-{'-'.join(sorted(values))}"

    def volume(self, name: str, environment: str | None, create_if_missing: bool) -> str:
        return f"vo-{name}"

    def tree(self, files: Mapping[str, LocalFiles]) -> str:
        return "-".join(sorted(files)) or "tree"
