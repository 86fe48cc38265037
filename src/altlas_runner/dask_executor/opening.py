"""From an address, a client or a cluster to a Dask client of our own on the running event loop."""

from __future__ import annotations

from pathlib import Path

from distributed import Client
from distributed.deploy.cluster import Cluster
from distributed.security import Security

from altlas_runner.errors import ConfigurationError

__all__ = ["Where", "address_of", "open_client", "tls_security"]

Where = str | Client | Cluster


def address_of(where: Where, security: Security | None) -> tuple[str, Security | None]:
    """The address of the scheduler, and how the way there is secured.

    Raises:
        ConfigurationError: it is none of the three, or has no scheduler.
    """
    if isinstance(where, str):
        return where, security
    if isinstance(where, Client):
        if where.scheduler is None:
            raise ConfigurationError("the Dask client is closed, or not open yet")
        return str(where.scheduler.address), security or where.security
    address = getattr(where, "scheduler_address", None)
    if not address:
        raise ConfigurationError(
            f"a Dask cluster is given by its address, a Client or a started cluster, not by {type(where).__name__}"
        )
    return str(address), security or getattr(where, "security", None)


async def open_client(address: str, security: Security | None, within_seconds: float) -> Client:
    """A client on the running event loop.

    A client that somebody else made may live on the loop of another thread, so every connection has its own.

    Raises:
        ConfigurationError: there is no scheduler at the address, or it does not let us in.
    """
    client = None
    try:
        client = Client(
            address,
            asynchronous=True,
            security=security,
            timeout=within_seconds,
            set_as_default=False,
            name="altlas-runner",
        )
        await client
    except (OSError, ValueError, ImportError, TypeError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise ConfigurationError(
            f"the Dask scheduler at {address} cannot be reached: {reason}; {_advice(address, security)}"
        ) from error
    finally:
        if client is not None and client.status != "running":
            client.status = "closed"  # else it would close itself when nobody can wait for it
    return client


def _advice(address: str, security: Security | None) -> str:
    if security is None and not address.startswith("tls://"):
        return "is it running (`dask scheduler`), and is that its address? One that speaks TLS has an address tls://…"
    return (
        "with TLS its address is tls://…, and the driver has to show a certificate of the scheduler's authority "
        "(dask_tls_ca, dask_tls_cert, dask_tls_key)"
    )


def tls_security(ca: Path | str, cert: Path | str, key: Path | str) -> Security:
    """How to talk to a cluster that speaks TLS (`tls://…`): both sides show a certificate of the same authority.

    Args:
        ca: PEM file of the authority.
        cert: PEM file of the certificate to show.
        key: PEM file of its private key.

    Raises:
        ConfigurationError: one of the files is not there.
    """
    for file in (ca, cert, key):
        if not Path(file).is_file():
            raise ConfigurationError(f"the file {file}, for TLS with Dask, is not there")
    return Security(tls_ca_file=str(ca), tls_client_cert=str(cert), tls_client_key=str(key), require_encryption=True)
