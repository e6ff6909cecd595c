"""A device of another make at a coordinator: registers by its key, is verified by PyJWT, enrols pyotp, brings in a second device, refreshes.

Usage: login.py ORIGIN [MORE]. As many MORE devices register by their keys alone. Everything here is written from docs/spec/coordinator.md and the RFCs, with none of our code.
"""

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
import pyotp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = sys.argv[1]
PASSWORD = "correct horse battery"
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


first = Device()
name = "u" + uuid.uuid4().hex[:8]
registration = {"proof": first.proof(REGISTER), "username": name, "password": PASSWORD}
given = ask("POST", "/api/v1/auth/register", registration, want=201)
key = jwt.PyJWKClient(ORIGIN + "/.well-known/jwks.json").get_signing_key_from_jwt(given["token"])
claims = jwt.decode(given["token"], key.key, algorithms=["EdDSA"], audience=ORIGIN, issuer=ORIGIN)
if claims["exp"] - claims["iat"] != 600 or "jkt" not in claims["cnf"]:
    sys.exit(f"not a token of ten minutes that is bound to a key: {claims}")
forged = given["token"][:-8] + "AAAAAAAA"
first.call("GET", "/api/v1/users/profile", forged, want=401)
profile = first.call("GET", "/api/v1/users/profile", given["token"])
Device().call("GET", "/api/v1/users/profile", given["token"], want=401)

enrolled = first.call("POST", "/api/v1/auth/totp", given["token"])
otp = pyotp.parse_uri(enrolled["uri"])
codes = first.call("POST", "/api/v1/auth/totp/verify", given["token"], {"code": otp.now()})["recovery_codes"]

second = Device()


def login(code):
    return {"proof": second.proof(LOGIN), "username": name, "password": PASSWORD, "code": code}


# The code of this moment was spent on the enrolment.
entered = ask("POST", "/api/v1/auth/login", login(otp.at(time.time() + 30)))
path = "/api/v1/auth/refresh"
refreshed = ask("POST", path, {"refresh_token": entered["refresh_token"]}, {"DPoP": second.dpop("POST", path)})
if refreshed["session_id"] != entered["session_id"]:
    sys.exit("a refreshed session is another one")
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0):
    ask("POST", "/api/v1/auth/register", {"proof": Device().proof(REGISTER)}, want=201)
print(f"PyJWT verified and proved, pyotp logged in; {len(codes)} recovery codes; profile of {profile['username']}")
