"""sign.py KEY.pem TEMPLATE: signs a message by jwcrypto, its members in another order and with escapes, as {headers, …}; prints the jws."""
import base64
import json
import sys

from jwcrypto.jwa import JWA
from jwcrypto.jwk import JWK

signer = JWK.from_pem(open(sys.argv[1], "rb").read())
m = json.load(open(sys.argv[2]))
protected = json.dumps({**m["headers"], "topic": m["topic"], "crit": ["b64"], "b64": False, "key": m["key"], "kid": signer.thumbprint(),
	"alg": "EdDSA", "future": {"x": [1]}})
first = base64.urlsafe_b64encode(protected.encode()).rstrip(b"=")
raw = JWA.signing_alg("EdDSA").sign(signer, first + b"." + base64.b64decode(m["value"]))
print(first.decode() + ".." + base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
