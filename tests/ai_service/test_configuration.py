"""AiServiceConfig: defaults, limits, errors that name the field, secrets that do not show."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.errors import ConfigurationError


def test_the_defaults_are_those_of_the_contract() -> None:
    config = AiServiceConfig()
    assert config.base_url == "http://localhost:8000"
    assert config.api_key is None
    assert (config.timeout_seconds, config.connect_timeout_seconds, config.max_retries) == (60, 5, 3)
    assert (config.model, config.temperature, config.max_tokens) == ("default", 0.7, None)
    assert (config.protocol, config.use_streaming) == ("altlas", False)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AiServiceConfig().model = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_retries": 256}, r"AiServiceConfig\.max_retries: input should be less than or equal to 255"),
        ({"max_retries": -1}, r"max_retries"),
        ({"timeout_seconds": 0}, r"timeout_seconds: input should be greater than 0"),
        ({"timeout_seconds": float("inf")}, r"timeout_seconds"),
        ({"temperature": 2.1}, r"temperature"),
        ({"max_tokens": 0}, r"max_tokens"),
        ({"model": ""}, r"model"),
        ({"protocol": "soap"}, r"protocol: input should be 'altlas', 'openai', 'anthropic' or 'local'"),
        ({"base_url": "ftp://host"}, r"base_url: must be a URL such as http://host:8000"),
        ({"base_url": "localhost:8000"}, r"base_url: must be a URL"),
        ({"base_url": "http://"}, r"base_url"),
        ({"base_url": "http://a..b"}, r"base_url"),
        ({"base_url": "http://host:99999"}, r"base_url"),
        ({"base_url": "http://host/a b"}, r"base_url"),
        ({"base_url": "http://user:pass@host"}, r"base_url: must not hold user name or password; use api_key"),
        ({"base_url": "http://host?key=v"}, r"base_url: must not hold a query .* extra_query"),
        ({"api_key": "two words"}, r"api_key: must be printable ASCII"),
        ({"api_key": "line\nbreak"}, r"api_key: must be printable ASCII"),
        ({"extra_headers": {"X-A": "line\r\nHost: evil"}}, r"extra_headers: the value of X-A must be printable"),
        ({"extra_headers": {"X A": "v"}}, r"extra_headers: a header name"),
        ({"proxy": "socks5://host:1"}, r"proxy: must be a URL"),
        ({"modle": "x"}, r"modle: there is no such setting"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_reason(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        AiServiceConfig(**values)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AiServiceConfig(max_retries=-1, model="", base_url="nowhere")
    assert len(str(caught.value).splitlines()) == 3


def test_a_plain_text_is_taken_as_a_key() -> None:
    assert AiServiceConfig(api_key="sk-1234").api_key == SecretStr("sk-1234")


@pytest.mark.parametrize("empty", ["", "  ", "\n", None])
def test_an_empty_key_is_no_key(empty: str | None) -> None:
    assert AiServiceConfig(api_key=empty).api_key is None


def test_the_line_feed_behind_a_key_from_a_file_is_dropped() -> None:
    assert AiServiceConfig(api_key="sk-1234\n").api_key == SecretStr("sk-1234")


def test_the_slash_behind_the_base_url_is_dropped_and_its_path_kept() -> None:
    assert AiServiceConfig(base_url="https://host/v1/").base_url == "https://host/v1"


def test_secrets_show_in_no_repr() -> None:
    config = AiServiceConfig(
        api_key="planted-key",
        proxy="http://user:planted-proxy@proxy:3128",
        extra_headers={"X-Token": "planted-header"},
        extra_query={"key": "planted-query"},
    )
    assert "planted" not in repr(config) + str(config) + config.model_dump_json()


def test_secrets_show_in_no_error() -> None:
    for values in (
        {"api_key": "planted key"},
        {"base_url": "http://user:planted@host"},
        {"base_url": "http://host/?key=planted"},
        {"proxy": "ftp://user:planted@host"},
        {"extra_headers": {"X-Key": "planted\n"}},
        {"api_key": ["planted"]},
    ):
        with pytest.raises(ConfigurationError) as caught:
            AiServiceConfig(**values)
        assert "planted" not in str(caught.value) + repr(caught.value)
        assert caught.value.__cause__ is None


def test_the_texts_to_redact_are_all_that_may_be_secret() -> None:
    config = AiServiceConfig(
        api_key="the-key",
        proxy="http://user:proxy-p%40ss@proxy:3128",
        extra_headers={"Authorization": "Basic dXNlcjpwYXNz", "X-Team": "blue"},
        extra_query={"sig": "query-secret", "api-version": "2024-10"},
    )
    assert set(config.secrets()) == {
        "the-key",
        "proxy-p%40ss",
        "proxy-p@ss",
        "Basic dXNlcjpwYXNz",
        "dXNlcjpwYXNz",
        "query-secret",
    }


def test_a_model_file_is_a_path() -> None:
    assert AiServiceConfig(local_model="model.gguf").local_model == Path("model.gguf")
