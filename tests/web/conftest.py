"""A server for each file of tests here."""

from collections.abc import Iterator

import pytest

from web_kit import Site, serving


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server."""
    with serving(tmp_path_factory.mktemp("site") / "home", bound=1000) as found:
        yield found
