"""A running app and a real browser for the tests in this folder.

`serve(script)` starts Streamlit on a free loopback port (once for each script) and gives its address.
`fresh_app` is the address of the real app on a server that nobody has visited, with an empty home, for one file.
`visit(url, …)` opens a page in a window without cookies or storage; when the test ends it fails on errors in the
console, uncaught script errors and requests to any other host.

A browser on a machine whose cores are busy can be late for a test; one that fails is run once more, and the summary
says so ("rerun"). What fails twice has failed.

Where Debian's chromium is missing these tests are skipped, in continuous integration (CI=true) they fail.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"{CHROMIUM} is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    started: dict[Path, tuple[subprocess.Popen, str]] = {}
    home = tmp_path_factory.mktemp("home")

    def start(script: Path) -> str:
        if script not in started:
            log = home / f"{script.stem}.log"
            started[script] = _start(script, home, log)
        return started[script][1]

    yield start
    _end([server for server, _ in started.values()])


@pytest.fixture(scope="module")
def fresh_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("fresh")
    server, base = _start(ROOT / "app.py", home, home / "app.log")
    yield base
    _end([server])


def _end(servers: list[subprocess.Popen]) -> None:
    for server in servers:
        os.killpg(server.pid, signal.SIGTERM)
    for server in servers:
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


class Killable:
    """The real app on a port of its own, which can be killed and started again there, on the same home."""

    def __init__(self, home: Path):
        self.home, self.log = home, home / "app.log"
        self.process, self.base = _start(ROOT / "app.py", home, self.log)

    def processes(self) -> list[int]:
        """The server, and the process of its runs once there is one."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [self.process.pid, *(int(pid) for file in children for pid in file.read_text().split())]

    def kill(self) -> None:
        """As when the power goes: neither it nor its runs can keep anything on the way out."""
        for pid in reversed(self.processes()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Again, at the same address."""
        self.process, _ = _start(ROOT / "app.py", self.home, self.log, int(self.base.rpartition(":")[2]))


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Killable]:
    server = Killable(tmp_path)
    yield server
    _end([server.process])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start(script: Path, home: Path, log: Path, port: int = 0) -> tuple[subprocess.Popen, str]:
    port = port or _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    place = {"PYTHONPATH": str(ROOT), "TEN_STEPS_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("a") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | place, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/_stcore/health", timeout=5):
                return server, base
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.2)
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


class Windows:
    """Windows of the browser that one test after another uses, each in a context of its own, by that context's options.

    A window that was opened before has the app's scripts compiled: a page is there in half of the time. When a test has
    done with one, its cookies, storage, permissions and further windows are gone; what cannot be cleaned is closed.
    """

    def __init__(self, browser: Browser):
        self._browser = browser
        self._idle: dict[str, list[Page]] = {}
        self._kinds: dict[Page, str] = {}

    def open(self, options: dict) -> Page:
        """An empty window of a context with these options."""
        kind = json.dumps(options, sort_keys=True)
        idle = self._idle.setdefault(kind, [])
        page = idle.pop() if idle else self._browser.new_context(**options).new_page()
        self._kinds[page] = kind
        return page

    def done(self, page: Page) -> None:
        """Clean the window and keep it."""
        context = page.context
        try:
            for other in context.pages:
                if other is not page:
                    other.close()
            page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
            page.mouse.move(0, 0)
            page.goto("about:blank")
            context.clear_cookies()
            context.clear_permissions()
            self._idle[self._kinds[page]].append(page)
        except PlaywrightError:  # the test has closed it
            context.close()


@pytest.fixture(scope="session")
def windows(chromium: Browser) -> Windows:
    return Windows(chromium)


@pytest.fixture
def visit(windows: Windows) -> Iterator[Callable[..., Page]]:
    opened, wrong = [], []

    def open_page(
        url: str, *, width: int = 1366, height: int = 768, theme: str = "light",
        reduced_motion: str = "no-preference", lost: bool = False, **context,
    ) -> Page:  # fmt: skip
        """A page that has come to rest. lost: its server will be gone for a while, of which the browser complains."""
        page = windows.open({"locale": "en-US", **context})
        page.set_default_timeout(20_000)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme, reduced_motion=reduced_motion)
        base = "{0.scheme}://{0.netloc}".format(urlsplit(url))

        def said(message) -> None:
            # on a deep link Streamlit's own client first probes <page>/_stcore/…, which answers 404: no fault
            expected = "Failed to load resource" in message.text or lost and "WebSocket" in message.text
            if message.type == "error" and not expected:
                wrong.append(f"console: {message.text}")

        def failed(error) -> None:
            wrong.append(f"script: {error}")

        def asked(request) -> None:
            if request.url.startswith("http") and not request.url.startswith(base):
                wrong.append(f"asks another host: {request.url}")

        listeners = {"console": said, "pageerror": failed, "request": asked}
        for event, listener in listeners.items():
            page.on(event, listener)
        opened.append((page, listeners))
        page.goto(url)
        page.wait_for_selector(AT_REST, timeout=60_000)
        return page

    yield open_page
    for page, listeners in opened:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        windows.done(page)
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def at_rest() -> Callable[[Page], None]:
    """Waits until the page's script has finished running."""
    return lambda page: page.wait_for_selector(AT_REST, timeout=60_000)
