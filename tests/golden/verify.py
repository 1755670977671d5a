"""How to check a message in Python with jwcrypto: record headers and value as they come from the topic, the signer's JWK."""
import base64
import json

from jwcrypto.jwa import JWA
from jwcrypto.jwk import JWK


def verify(topic, key, headers, value, jwk):
	protected, signature = headers["jws"].split("..")
	signed = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
	signer = JWK(**jwk)
	covered = {**{k: v for k, v in headers.items() if k != "jws"}, "topic": topic, "key": key, "alg": "EdDSA",
		"kid": signer.thumbprint(), "b64": False, "crit": ["b64"]}
	if any(signed.get(name) != is_ for name, is_ in covered.items()):
		raise ValueError("not what was signed")
	raw = base64.urlsafe_b64decode(signature + "==")
	JWA.signing_alg("EdDSA").verify(signer, protected.encode() + b"." + value, raw)  # raises when it does not fit
	return json.loads(value)
