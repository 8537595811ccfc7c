"""What every test gets: fixed seeds, a home folder of its own, and no network but this machine's."""

from __future__ import annotations

import gc
import ipaddress
import os
import random
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run: what one commit passed, the next does not fail by chance. `--hypothesis-profile
# default` looks for new ones.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

# Before the first import of kerato or jax, so that neither ever sees the real home folder.
_home = tempfile.TemporaryDirectory(prefix="kerato-tests-", ignore_cleanup_errors=True)
os.environ.update(
    HOME=_home.name,
    USERPROFILE=_home.name,
    KERATO_HOME=str(Path(_home.name, ".kerato")),
    KERAS_HOME=str(Path(_home.name, ".keras")),
    # Kept from run to run, as every user's is: a program that an earlier run compiled is read.
    KERATO_CACHE=str(Path(__file__).parents[1] / ".pytest_cache" / "kerato"),
    XDG_CACHE_HOME=str(Path(_home.name, ".cache")),
    MPLBACKEND="Agg",
)
os.environ.pop("KERATO_MIRROR", None)

_connect = socket.socket.connect


def _local_only(self: socket.socket, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise OSError(f"tests have no network; {host} was asked for")
    _connect(self, address)


_resolve = socket.getaddrinfo


def _resolve_local(host: Any, *arguments: Any, **options: Any) -> Any:
    if host not in ("localhost", "127.0.0.1", "::1", None, ""):
        raise socket.gaierror(socket.EAI_NONAME, f"tests have no network; {host} was asked for")
    return _resolve(host, *arguments, **options)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections leave this machine in no test; a test that needs a server starts one on 127.0.0.1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _local_only)
        patch.setattr(socket, "getaddrinfo", _resolve_local)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts with the same seeds and automatic names, so that what it draws does not depend on others."""
    random.seed(0)
    np.random.seed(0)
    if "kerato.random" in sys.modules:
        sys.modules["kerato.random"].set_seed(0)
    if "kerato.layers.base" in sys.modules:
        sys.modules["kerato.layers.base"].clear_session()


_compiled = 0


def _count_programs(event: str, seconds: float, **_: Any) -> None:
    global _compiled
    _compiled += event == "/jax/core/compile/backend_compile_duration"


@pytest.fixture(autouse=True)
def programs_forgotten() -> Iterator[None]:
    """What tests compiled is let go after every hundred programs: a process that keeps more compiles slower and
    slower, and each keeps 1.5 MB."""
    global _compiled
    yield
    if _compiled > 100:
        sys.modules["jax"].clear_caches()
        gc.collect()
        _compiled = 0


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    import jax.monitoring

    jax.monitoring.register_event_duration_secs_listener(_count_programs)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The laws run row by row of their table, so that what one law compiled serves the next."""
    laws = [item for item in items if item.path.name == "test_laws.py" and hasattr(item, "callspec")]
    rows = {id(item): getattr(item.callspec.params.get("row"), "id", "") for item in laws}
    following = iter(sorted(laws, key=lambda item: rows[id(item)]))
    items[:] = [next(following) if id(item) in rows else item for item in items]


def pytest_collection_finish() -> None:
    """Ten thousand tests stay until the end: the collector of garbage need not walk over them each time."""
    gc.freeze()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder `$KERATO_DATA` with real data sets; tests that need it are skipped where it is not set."""
    named = os.environ.get("KERATO_DATA", "").split(os.pathsep)[0]
    if not Path(named or "/nonexistent").is_dir():
        pytest.skip("KERATO_DATA is not set to a folder with data sets")
    return Path(named).resolve()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The seconds that each test file took, the slowest first."""
    seconds: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                name = report.nodeid.split("::")[0]
                seconds[name] = seconds.get(name, 0.0) + report.duration
    terminalreporter.section("seconds per test file")
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{spent:8.1f}  {name}")
