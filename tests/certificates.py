"""Certificates of a CA of our own, good for two days."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path, name: str) -> Path:
    """Writes ca.pem into the folder, and key.pem with cert.pem for that host name alone. Needs openssl."""
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    _openssl(*new, "-subj", "/CN=our own CA", "-keyout", "ca.key", "-out", "ca.pem", folder=folder)
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:{name}", "-subj", "/CN=server")
    _openssl(*new, *signed, "-keyout", "key.pem", "-out", "cert.pem", folder=folder)
    return folder


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
