import pytest
from openai import AsyncOpenAI, OpenAI

from stage import Stage


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="session")
def key(stage) -> dict:
    """A key without limits."""
    return stage.make_key("python")


@pytest.fixture(scope="session")
def client(stage, key) -> OpenAI:
    return OpenAI(base_url=stage.base_url, api_key=key["secret"], max_retries=0)


@pytest.fixture
def async_client(stage, key) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=stage.base_url, api_key=key["secret"], max_retries=0)


@pytest.fixture
def client_of(stage):
    """A client with its own key, and the list of the statuses that it was answered."""

    def make(secret: str, **options) -> tuple[OpenAI, list[int]]:
        made = OpenAI(base_url=stage.base_url, api_key=secret, **options)
        statuses: list[int] = []
        made._client.event_hooks["response"].append(lambda r: statuses.append(r.status_code))
        return made, statuses

    return make
