"""A device of another make at a gateway: seals its token, pokes, and opens by http-ece what its push service is asked to deliver.

Usage: push.py ORIGIN. Everything here is written from docs/spec/coordinator.md and the RFCs (9180, 8291, 8292), with none of our code.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import queue
import struct
import sys
import threading
import urllib.request

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ORIGIN = sys.argv[1]
PATIENCE_S = 60
TAKEN, GONE = 0, 1
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


def sure(fact, what):
    if not fact:
        sys.exit(what)


def extract(salt, key):
    return hmac.new(salt or bytes(32), key, hashlib.sha256).digest()


def expand(key, info, length):
    out, block = b"", b""
    for number in range(1, 2 + length // 32):
        block = hmac.new(key, block + info + bytes([number]), hashlib.sha256).digest()
        out += block
    return out[:length]


def hpke_seal(to, info, plaintext):
    """RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM."""
    kem, suite = b"KEM" + struct.pack(">H", 0x20), b"HPKE" + struct.pack(">HHH", 0x20, 1, 1)

    def labelled_extract(of, salt, label, key):
        return extract(salt, b"HPKE-v1" + of + label + key)

    def labelled_expand(of, key, label, context, length):
        return expand(key, struct.pack(">H", length) + b"HPKE-v1" + of + label + context, length)

    ephemeral = X25519PrivateKey.generate()
    encapsulated = ephemeral.public_key().public_bytes(*RAW)
    secret = labelled_extract(kem, b"", b"eae_prk", ephemeral.exchange(X25519PublicKey.from_public_bytes(to)))
    shared = labelled_expand(kem, secret, b"shared_secret", encapsulated + to, 32)
    context = b"\0" + labelled_extract(suite, b"", b"psk_id_hash", b"")
    context += labelled_extract(suite, b"", b"info_hash", info)
    secret = labelled_extract(suite, shared, b"secret", b"")
    key = labelled_expand(suite, secret, b"key", context, 16)
    nonce = labelled_expand(suite, secret, b"base_nonce", context, 12)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


class Device:
    def __init__(self, endpoint):
        self.endpoint, self.auth = endpoint, os.urandom(16)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def sealed(self, gateway):
        target = self.endpoint.encode()
        token = bytes([1]) + struct.pack(">H", len(target)) + target
        token += self.key.public_key().public_bytes(*POINT) + self.auth
        return b"\1" + hpke_seal(gateway, b"halloo v1 push token", token.ljust(975, b"\0"))

    def opened(self, body):
        return http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")


class Service(http.server.BaseHTTPRequestHandler):
    """A push service; whose path ends in `gone` is gone."""

    seen = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(410 if self.path.endswith("gone") else 201)
        self.send_header("content-length", "0")
        self.end_headers()
        self.seen.put((self.path, self.headers, body))

    def log_message(self, *_):
        pass


def poke(sealed):
    sure(len(sealed) == 1024, f"a sealed token has {len(sealed)} bytes")
    request = urllib.request.Request(ORIGIN + "/api/v1/push/poke", method="POST", data=b"\1" + sealed)
    request.add_header("content-type", "application/octet-stream")
    with urllib.request.urlopen(request) as answer:
        version, outcome = answer.read()
    sure(version == 1, "a poke is answered in another version")
    return outcome


def checked_vapid(header, vapid, at):
    """RFC 8292, section 3, checked by PyJWT."""
    scheme, _, rest = header.partition(" ")
    fields = dict(field.strip().split("=", 1) for field in rest.split(","))
    sure(scheme == "vapid" and fields["k"] == vapid, "the push is by another key than the gateway says")
    point = base64.urlsafe_b64decode(vapid + "=" * (-len(vapid) % 4))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    jwt.decode(fields["t"], key, algorithms=["ES256"], audience=at, options={"require": ["exp", "aud"]})


def main():
    with urllib.request.urlopen(ORIGIN + "/api/v1/push/gateway") as answer:
        gateway = json.load(answer)
    sure("webpush" in gateway["kinds"], "the gateway sends no web push")
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{service.server_port}"
    key = bytes.fromhex(gateway["key"])
    lengths = set()
    for number in range(8):
        device = Device(f"{at}/device/{'x' * number}")
        sure(poke(device.sealed(key)) == TAKEN, "a poke is not taken")
        _, headers, body = Service.seen.get(timeout=PATIENCE_S)
        sure(device.opened(body) == b"wake", "http-ece opens something else than `wake`")
        sure(headers["content-encoding"] == "aes128gcm", "another encoding")
        checked_vapid(headers["authorization"], gateway["vapid"], at)
        lengths.add(len(body))
    sure(len(lengths) == 1, f"pushes have {sorted(lengths)} bytes: they tell devices apart")
    lost = Device(f"{at}/gone")
    sure(poke(lost.sealed(key)) == TAKEN, "a poke is not taken")
    Service.seen.get(timeout=PATIENCE_S)
    while poke(lost.sealed(key)) != GONE:
        pass
    print(f"8 pushes of {lengths.pop()} bytes opened by http-ece, VAPID checked by PyJWT, a token that is gone told")


main()
