"""A device of another make at a coordinator: registers by its key, is verified by PyJWT, enrols pyotp, brings in a second device, refreshes.

Usage: login.py ORIGIN [MORE]. As many MORE devices register by their keys alone. Everything here is written from docs/spec/coordinator.md and the RFCs, with none of our code.
"""

import sys
import time
import uuid

import jwt
import pyotp
from device import LOGIN, ORIGIN, Device, ask

PASSWORD = "correct horse battery"

first = Device()
name = "u" + uuid.uuid4().hex[:8]
given = first.register({"username": name, "password": PASSWORD})
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
    Device().register()
print(f"PyJWT verified and proved, pyotp logged in; {len(codes)} recovery codes; profile of {profile['username']}")
