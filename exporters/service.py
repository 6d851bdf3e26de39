"""One service from start to end: the only place where its parts are put together."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from exporters.access.listeners import Gates, open_gates
from exporters.access.reloading import watch
from exporters.endpoints.routes import Endpoints, build_app
from exporters.errors import ConfigError, StartError, errors_in
from exporters.exposition.families.family import Layout, RowsT
from exporters.exposition.publisher import Publisher
from exporters.exposition.refusals import Refusals
from exporters.exposition.render import Renderer
from exporters.exposition.self_metrics import SelfMetrics
from exporters.history.answers import History
from exporters.history.client import Prometheus
from exporters.history.drawn import Drawn
from exporters.history.promql import FAMILIES
from exporters.http.basic_auth import BasicAuth
from exporters.http.guard import Guard
from exporters.http.server import HttpServer
from exporters.logs import configure_logging
from exporters.settings.addresses import Address, bind, bound_address, prepare
from exporters.settings.catalogue import unknown_variables
from exporters.settings.command_line import CommandLine, parse_command_line
from exporters.settings.config import Config, HistorySource, build_config
from exporters.settings.files import parse_toml, read_text
from stats_gateway import __version__
from stats_gateway.clock import read_clock
from stats_gateway.intake.intake import Intake
from stats_gateway.server.connection import Shared
from stats_gateway.server.server import GatewayServer
from stats_gateway.store.store import Store
from stats_gateway.wire.services import Service
from stats_systemd.notify import Notifier
from stats_systemd.sockets import SocketError, sockets_from_systemd

log = logging.getLogger(__name__)

SPARE_FILES = 128
"""Open files beyond one for each connection: listeners, libraries, logs."""

SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another; Python's default is ten times that."""

LISTENERS = ("ingest", "web")
"""The names of the listeners in settings, and of the sockets that systemd may hand over."""

UNWATCHED_SECONDS = 3600.0
"""Between two signs of life that nobody asked for, which cost next to nothing."""

RETRY_SECONDS = 1.0
"""Before rendering again when there was no memory for it."""


def run(
    service: Service, layout: Layout[RowsT], argv: Sequence[str], environment: Mapping[str, str]
) -> int:
    """The whole program; gives its exit code: 0 stopped, 1 could not go on, 2 bad settings."""
    try:
        command_line = parse_command_line(service, argv)
        config = _configured(service, command_line, environment)
        configure_logging(config.log_level, config.log_format)
        for warning in unknown_variables(service, environment):
            log.warning("environment: %s", warning)
        gates = open_gates(config)
        if command_line.check:
            print(f"{service.value}: configuration is fine")  # noqa: T201 - the answer asked for
            return 0
        # The signal that asks for files to be read again waits until somebody listens to it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        notifier = Notifier(environment, os.getpid())
        listeners = sockets_from_systemd(environment, os.getpid(), LISTENERS)
        asyncio.run(serve(service, layout, config, gates, listeners, notifier))
    except ConfigError as error:
        print(f"{service.value}: {error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    except (SocketError, StartError) as error:
        print(f"{service.value}: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def _configured(
    service: Service, command_line: CommandLine, environment: Mapping[str, str]
) -> Config:
    """The configuration of all three. Raises `ConfigError`."""
    path = command_line.config_file
    if path is None:
        return build_config(service, command_line.flags, environment, {})
    file = f"--config.file {path}"
    with errors_in(file):
        tables = parse_toml(read_text(path))
    return build_config(service, command_line.flags, environment, tables, file)


async def serve(
    service: Service,
    layout: Layout[RowsT],
    config: Config,
    gates: Gates,
    listeners: Mapping[str, socket.socket] | None = None,
    notifier: Notifier | None = None,
) -> None:
    """Listen for senders and scrapers until SIGTERM or SIGINT. Raises `StartError`.

    `listeners` are the sockets that systemd opened, by name; what is not there is opened here.
    """
    config = _allow_open_files(config)
    notifier = notifier or Notifier({}, os.getpid())
    async with AsyncExitStack() as stack:
        ingest, web = (
            stack.enter_context(_listener(listeners or {}, name, address))
            for name, address in zip(
                LISTENERS, (config.ingest_listen_address, config.web_listen_address), strict=True
            )
        )
        # One worker: decoding and rendering of one large snapshot at a time bounds their memory.
        worker = ThreadPoolExecutor(1, thread_name_prefix="worker")
        stack.callback(worker.shutdown, wait=False, cancel_futures=True)
        auth = BasicAuth()
        stack.callback(auth.close)
        intake = _intake(service, config, gates)
        refusals = Refusals()
        self_metrics = SelfMetrics(
            service,
            intake.counters,
            CollectorRegistry(),
            refusals.counts,
            gates.last_reload,
        )
        renderer = Renderer(layout, config.max_downstreams_exposed)
        publisher = Publisher(intake.store, renderer, intake.counters, self_metrics, worker)
        prometheus = await _prometheus(config.history, stack)
        history, drawn = _history(prometheus, config.history, intake.store)
        endpoints = Endpoints(
            service=service,
            store=intake.store,
            publisher=publisher,
            self_metrics=self_metrics,
            clock=read_clock,
            ingest_address=bound_address(ingest),
            history=history,
            drawn=drawn,
            old_shapes=config.old_shapes,
        )
        http = _http_server(build_app(endpoints), config, gates, auth, refusals, bound_address(web))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _stop, http, prometheus, notifier)
        senders = await stack.enter_async_context(GatewayServer(_shared(intake, worker, config)))
        await senders.start(ingest, gates.ingest.tls)
        _announce(service, bound_address(ingest), bound_address(web), config, gates)
        notifier.ready()
        await _run_until_stopped(
            http,
            web,
            senders.wait(),
            _publish(publisher),
            watch(gates.watched, notifier.reloading),
            _give_signs(notifier),
        )
        log.info("stopped")


def _intake(service: Service, config: Config, gates: Gates) -> Intake:
    return Intake(
        Store(service, config.limits),
        config.limits,
        access=gates.ingest.access,
        aliases=config.aliases,
        redact_ip=config.redact_ip,
    )


def _http_server(
    app: Starlette, config: Config, gates: Gates, auth: BasicAuth, refusals: Refusals, web: Address
) -> HttpServer:
    """What answers on the address `web`, with `app` behind its guard."""
    guard = Guard(
        app,
        gates.web_config,
        auth,
        refusals,
        config.web_limits.max_requests,
        is_loopback=web.is_loopback,
    )
    return HttpServer(guard, gates.web_config, config.web_limits, refusals)


def _shared(intake: Intake, worker: ThreadPoolExecutor, config: Config) -> Shared:
    return Shared(
        intake=intake,
        worker=worker,
        limits=config.limits,
        allow_networks=config.ingest_access.allow_networks,
        client_source=config.ingest_access.tls_client_source,
    )


def _announce(
    service: Service, ingest: Address, web: Address, config: Config, gates: Gates
) -> None:
    log.info("%s %s", service.value, __version__)
    log.info("listening for senders on %s", ingest)
    scheme = "http" if gates.web_config().tls is None else "https"
    log.info("listening for HTTP on %s://%s", scheme, web)
    if config.warn_if_open:
        gates.warn_if_open(ingest, web, config.ingest_access)


def _stop(http: HttpServer, prometheus: Prometheus | None, notifier: Notifier) -> None:
    notifier.stopping()
    http.stop()
    if prometheus is not None:
        prometheus.stop()


async def _prometheus(source: HistorySource, stack: AsyncExitStack) -> Prometheus | None:
    if source.prometheus_url is None:
        return None
    prometheus = Prometheus(source.prometheus_url, source.authorization_file)
    return await stack.enter_async_context(prometheus)


def _history(
    prometheus: Prometheus | None, source: HistorySource, store: Store
) -> tuple[History | None, Drawn | None]:
    if prometheus is None:
        return None, None
    scraped_as = tuple((name, "=", value) for name, value in source.labels)
    history = History(
        prometheus,
        FAMILIES[store.service],
        scraped_as,
        rows=lambda: sum(len(one.rows) for one in store.view.fresh() if one.rows is not None),
    )
    return history, Drawn(prometheus, store.service, scraped_as)


async def _publish(publisher: Publisher[RowsT]) -> None:
    """Have every change rendered, also after one for which there was no memory."""
    while True:
        try:
            await publisher.run()
        except MemoryError:
            log.error("no memory to render; what was rendered last stays")  # noqa: TRY400 - no trace needed
            await asyncio.sleep(RETRY_SECONDS)


async def _give_signs(notifier: Notifier) -> None:
    """Tell systemd that the event loop turns, for as long as it does."""
    while True:
        notifier.alive()
        await asyncio.sleep(notifier.seconds_between_signs or UNWATCHED_SECONDS)


async def _run_until_stopped(
    http: HttpServer, web: socket.socket, *others: Coroutine[Any, Any, None]
) -> None:
    """Answer until told to stop, or until any of `others` ends: all live and die together."""
    # Each system call of the event loop lets the worker in, and waits this long to get back.
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is there now stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    answering = asyncio.create_task(http.serve(web))
    running = [asyncio.create_task(other) for other in others]
    done, _ = await asyncio.wait((answering, *running), return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    http.stop()
    await asyncio.gather(answering, *running, return_exceptions=True)
    for task in done:
        task.result()


def _listener(
    from_systemd: Mapping[str, socket.socket], name: str, address: Address
) -> socket.socket:
    """The socket `name` that systemd opened, else one that is bound to `address`."""
    if name in from_systemd:
        return prepare(from_systemd[name])
    try:
        return bind(address)
    except OSError as error:
        # Python appends the address, which stands here already.
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise StartError(
            f"cannot listen on {address} (--{name}.listen-address): {reason}"
        ) from error


def _allow_open_files(config: Config) -> Config:
    """Raise the limit of open files as far as `config` needs, or have `config` need less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = config.limits.max_connections + config.web_limits.max_connections + SPARE_FILES
    if soft >= needed:
        return config
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return config if allowed >= needed else fit_open_files(config, allowed)


def fit_open_files(config: Config, files: int) -> Config:
    """`config` with as many connections as `files` open files allow, shared out as they were."""
    ingest, web = config.limits.max_connections, config.web_limits.max_connections
    places = files - min(SPARE_FILES, files // 2)
    fewer_ingest = max(1, places * ingest // (ingest + web))
    fewer_web = max(1, places - fewer_ingest)
    log.warning(
        "only %d files may be open at once (ulimit -n), and %d are needed: "
        "--limits.max-connections is %d instead of %d, --web.max-connections %d instead of %d",
        *(files, ingest + web + SPARE_FILES, fewer_ingest, ingest, fewer_web, web),
    )
    return replace(
        config,
        limits=replace(config.limits, max_connections=fewer_ingest),
        web_limits=replace(config.web_limits, max_connections=fewer_web),
    )
