"""The settings of the listener for senders, and of who may send."""

from exporters.settings.addresses import Address, parse_address
from exporters.settings.setting import Setting, existing_file, network, one_of
from stats_gateway.store.origin import CertificateName
from stats_gateway.wire.services import Service

_PORT = {Service.PROXY: 8082, Service.POOL: 9083}


def ingest_settings(service: Service) -> tuple[Setting, ...]:
    """The table `[ingest]` of `service`."""
    return (
        Setting(
            *("ingest.listen_address", "HOST:PORT", parse_address),
            help="address on which senders connect",
            default=Address("127.0.0.1", _PORT[service]),
        ),
        Setting(
            *("ingest.token_file", "FILE", existing_file),
            help="file with one token in each line; the names after a token are the only sources "
            "that it opens, and a token without names opens all",
        ),
        Setting(
            *("ingest.allow_networks", "CIDR,...", network),
            help="networks from which senders may connect (default: all)",
            default=(),
            is_list=True,
        ),
        Setting(
            *("ingest.tls_cert_file", "FILE", existing_file),
            help="certificate chain that is shown to senders; turns TLS on",
        ),
        Setting(
            *("ingest.tls_key_file", "FILE", existing_file),
            help="private key of that certificate",
        ),
        Setting(
            *("ingest.tls_client_ca_file", "FILE", existing_file),
            help="CA certificates; a sender's certificate must be signed by one of them",
        ),
        Setting(
            *("ingest.tls_client_source", "NAME", one_of(CertificateName)),
            help="name in a sender's certificate that its source must equal: san (one of the DNS "
            "names), cn (the common name), or none (a certificate opens every source)",
            default=CertificateName.NONE,
        ),
    )
