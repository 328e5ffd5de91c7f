"""Verifies a signed request as a receiver would, with nothing but Python's own library.

Reads one JSON object from standard input: the secrets that a receiver may have, the headers, and
the body in base64. Prints, for each secret, whether one of the signatures is its own.
"""

import base64
import hashlib
import hmac
import json
import sys

given = json.load(sys.stdin)
headers = given["headers"]
signed = b".".join(
    [
        headers["webhook-id"].encode(),
        headers["webhook-timestamp"].encode(),
        base64.b64decode(given["body"]),
    ]
)
offered = []
for signature in headers["webhook-signature"].split(" "):
    version, _, value = signature.partition(",")
    if version == "v1":
        offered.append(base64.b64decode(value, validate=True))
for secret in given["secrets"]:
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    own = hmac.new(key, signed, hashlib.sha256).digest()
    found = any(hmac.compare_digest(own, other) for other in offered)
    print("yes" if found else "no")
