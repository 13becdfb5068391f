import pytest

from stage import Stage


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()
