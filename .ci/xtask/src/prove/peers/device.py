"""A device of another make that asks a coordinator: its key, its proofs, its requests. Written from docs/spec/coordinator.md and the RFCs."""

import base64
import hashlib
import json
import struct
import sys
import time
import urllib.error
import urllib.request
import uuid

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = sys.argv[1]
REGISTER, LOGIN = 1, 2


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ask(method, path, body=None, headers=None, want=200):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ORIGIN + path, method=method, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if status != want:
        sys.exit(f"{method} {path} is answered with {status}, not {want}: {text!r}")
    return json.loads(text) if text else None


class Device:
    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.public = self.key.public_key().public_bytes(*raw)

    def proof(self, purpose):
        challenge = ask("POST", "/api/v1/auth/challenge", {"device_key": self.public.hex()})["challenge"]
        origin, domain = ORIGIN.encode(), b"halloo v1 login"
        message = bytes([1, purpose]) + self.public + bytes.fromhex(challenge)
        message += struct.pack(">H", len(origin)) + origin
        signature = self.key.sign(bytes([len(domain)]) + domain + message)
        return {"device_key": self.public.hex(), "challenge": challenge, "signature": signature.hex()}

    def dpop(self, method, path, token=None):
        """A proof of RFC 9449, section 4.2, made by PyJWT."""
        claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": ORIGIN + path, "iat": int(time.time())}
        if token:
            claims["ath"] = unpadded(hashlib.sha256(token.encode()).digest())
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": unpadded(self.public)}
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"typ": "dpop+jwt", "jwk": jwk})

    def call(self, method, path, token, body=None, want=200):
        headers = {"Authorization": "DPoP " + token, "DPoP": self.dpop(method, path, token)}
        return ask(method, path, body, headers, want)

    def register(self, body=None):
        return ask("POST", "/api/v1/auth/register", {"proof": self.proof(REGISTER), **(body or {})}, want=201)
