"""Vouchers of another make: signed by `cryptography`, written as docs/spec/coordinator.md draws them, taken by the coordinator once.

Usage: vouchers.py ORIGIN. The coordinator has the public key of SEED and sells relays by the plan `ride`.
"""

import hashlib
import os
import struct
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from device import Device

SEED = bytes([7]) * 32
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SUBSCRIPTION = "/api/v1/users/subscription"
TICKET = "/api/v1/auth/sessions/ticket"


def labelled(label, data):
    return hashlib.sha256(b"halloo v1 " + bytes([len(label)]) + label + data).digest()


def signed(plan, days, last):
    head = bytes([1]) + labelled(b"plan", plan)[:6] + struct.pack(">HI", days, last) + os.urandom(8)
    domain = b"halloo v1 voucher"
    return head + Ed25519PrivateKey.from_private_bytes(SEED).sign(bytes([len(domain)]) + domain + head)


def code(voucher):
    bits = "".join(f"{byte:08b}" for byte in voucher)
    digits = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    groups = []
    for at in range(0, len(digits), 4):
        group = digits[at : at + 4]
        check = 7 * (at // 4 + 1 + sum(weight * digit for weight, digit in zip((1, 3, 5, 7), group))) % 32
        groups.append("".join(LETTERS[digit] for digit in [*group, check]))
    return "-".join(groups)


def use(device, given, text, want=200):
    body = {"plan_id": "ride", "payment_method": {"type": "voucher", "code": text}}
    return device.call("POST", SUBSCRIPTION, given["token"], body, want)


today = int(time.time()) // 86400
buyer, other = Device(), Device()
mine, theirs = buyer.register(), other.register()
buyer.call("POST", TICKET, mine["token"], {"room": "turn"}, want=402)
good = code(signed(b"ride", 30, today + 1))
bent = good[:-1] + LETTERS[(LETTERS.index(good[-1]) + 1) % 32]
told = use(buyer, mine, bent, want=403)["detail"]
if "group 34" not in told:
    sys.exit(f"a mistake in group 34 is told so: {told}")
active = use(buyer, mine, good.lower())
if active["subscription_status"] != "active" or active["features"] != ["mailbox", "turn"]:
    sys.exit(f"not what a voucher opens: {active}")
if use(buyer, mine, good) != active:
    sys.exit("the same request again has another answer")
use(other, theirs, good, want=403)
use(other, theirs, code(signed(b"ride", 30, today - 2)), want=403)
buyer.call("POST", TICKET, mine["token"], {"room": "turn"})
other.call("POST", TICKET, theirs["token"], {"room": "turn"}, want=402)
print(f"a voucher of another make counted once; relays are open until {active['subscription_expiry']}")
