"""Prints keys, good tokens and tricks, made by PyJWT: see tests/jwt_others.rs."""

import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

claims = {
    "iss": "https://idp.example",
    "aud": ["orders", "stock"],
    "sub": "alice",
    "scope": "read",
    "iat": int(time.time()),
    "exp": int(time.time()) + 600,
}
secret = "a secret of 64 bytes, which is long enough for all three of them"


def pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def sign(key, alg, **header):
    return jwt.encode(claims, key, algorithm=alg, headers={"typ": "at+jwt", **header})


rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pairs = {
    **{alg: rsa_key for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]},
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
pems = [{"name": alg, "pem": pem(key)} for alg, key in pairs.items()]
good = [{"name": alg, "token": sign(key, alg)} for alg, key in pairs.items()]
secrets = [{"name": alg, "token": sign(secret, alg)} for alg in ["HS256", "HS384", "HS512"]]

mallory = ec.generate_private_key(ec.SECP256R1())
tricks = [
    {"name": "alg none", "reason": "algorithm_refused", "token": jwt.encode(claims, None, algorithm="none")},
    {"name": "another key", "reason": "bad_signature", "token": sign(mallory, "ES256")},
    {
        "name": "embedded jwk",
        "reason": "bad_signature",
        "token": sign(mallory, "ES256", jwk={"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
    },
    {"name": "jku", "reason": "bad_signature", "token": sign(mallory, "ES256", jku="https://evil.example/keys")},
    {"name": "crit", "reason": "critical_header", "token": sign(pairs["ES256"], "ES256", crit=["exp"])},
]

print(json.dumps({"pems": pems, "good": good, "secrets": secrets, "tricks": tricks}))
