from dataclasses import fields

import pytest

from exporters.settings.addresses import Address
from exporters.settings.catalogue import TABLES, settings_of, unknown_variables
from exporters.settings.limits import WebLimits
from stats_gateway.limits import Limits
from stats_gateway.wire.services import Service


@pytest.mark.parametrize("service", Service)
def test_no_two_settings_have_one_name(service: Service) -> None:
    settings = settings_of(service)
    for names in ([one.flag for one in settings], [one.field for one in settings]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("service", Service)
def test_every_bound_can_be_set(service: Service) -> None:
    known = {one.field for one in settings_of(service)}
    assert {f"limits_{field.name}" for field in fields(Limits)} <= known
    assert {f"web_{field.name}" for field in fields(WebLimits)} <= known


@pytest.mark.parametrize("service", Service)
def test_every_default_is_what_its_text_would_be_read_as(service: Service) -> None:
    for setting in settings_of(service):
        if setting.default is not None and setting.default != ():
            assert setting.read(str(setting.default).lower()) == setting.default, setting.flag


@pytest.mark.parametrize("service", Service)
def test_every_setting_is_in_a_table_that_help_explains(service: Service) -> None:
    tables = dict.fromkeys(setting.table for setting in settings_of(service))
    assert list(tables) == list(TABLES)


def test_a_variable_that_is_misspelt_is_told_and_those_of_others_are_not() -> None:
    names = [
        "STATS_PROXY_WEB_LISTEN_ADDRES",
        "STATS_PROXY_WEB_LISTEN_ADDRESS",
        "STATS_PROXY_SOMETHING_ELSE_ALTOGETHER",
        # What Kubernetes sets for the services stats-proxy and stats-proxy-web.
        *("STATS_PROXY_SERVICE_HOST", "STATS_PROXY_WEB_SERVICE_PORT_HTTP", "STATS_PROXY_PORT"),
        *("STATS_PROXY_WEB_PORT_8084_TCP_ADDR", "STATS_PROXY_PORT_8084_TCP"),
        *("STATS_POOL_WEB_LISTEN_ADDRES", "PATH"),
    ]
    assert unknown_variables(Service.PROXY, names) == [
        "STATS_PROXY_SOMETHING_ELSE_ALTOGETHER is no setting",
        "STATS_PROXY_WEB_LISTEN_ADDRES is no setting; did you mean STATS_PROXY_WEB_LISTEN_ADDRESS?",
    ]


@pytest.mark.parametrize(
    ("service", "ingest", "web"), [(Service.PROXY, 8082, 8084), (Service.POOL, 9083, 9084)]
)
def test_services_listen_on_this_machine_alone_unless_told_otherwise(
    service: Service, ingest: int, web: int
) -> None:
    defaults = {one.field: one.default for one in settings_of(service)}
    assert defaults["ingest_listen_address"] == Address("127.0.0.1", ingest)
    assert defaults["web_listen_address"] == Address("127.0.0.1", web)
