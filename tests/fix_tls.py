"""TLS with a certificate for this machine that nobody knows but who is told (SSL_CERT_FILE)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from p0_demo.stage import PEOPLE, Stage


def over_tls(stage: Stage, certificate: Path) -> None:
    """Has the server of a stage without attendance listen with TLS alone. Its key is beside the certificate."""
    plain, stage.server = stage.server, stage.server.replace("http://", "https://")
    for path in (stage.directory / "agent.toml", *(stage.profile(person) for person in PEOPLE)):
        path.write_text(path.read_text().replace(plain, stage.server))
    with (stage.directory / "server.toml").open("a") as settings:
        settings.write(f'\n[tls]\ncertificate = "{certificate}"\nkey = "{certificate.with_name("key.pem")}"\n')


def self_signed(directory: Path) -> Path:
    """`cert.pem`, and `key.pem` beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "p0 test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(private)
    path = directory / "cert.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
