"""Certificates that nobody known vouches for, of a server on this machine."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for ``name``, and the file that a client must believe to take it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: certificates go untried")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, certificate
