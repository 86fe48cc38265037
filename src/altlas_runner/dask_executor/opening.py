"""From an address, a client or a cluster to a Dask client of our own on the running event loop."""

from __future__ import annotations

import asyncio
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
    except asyncio.CancelledError:
        if client is not None:
            client.status = "closed"  # else it would close itself when nobody can wait for it
        raise
    except (OSError, ValueError, ImportError, TypeError, RuntimeError) as error:
        raise ConfigurationError(
            f"the Dask scheduler at {address} cannot be reached: {str(error) or type(error).__name__}; "
            "is it running (`dask scheduler`), and is that its address?"
        ) from error
    return client


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
