"""open.py KEY.pem SEALED: what is sealed for us, opened by jwcrypto: a JSON list of {jwe, apu, apv}; prints a JSON list of the texts, as base64."""
import base64
import json
import sys

from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

key, opened = JWK.from_pem(open(sys.argv[1], "rb").read()), []
for one in json.load(open(sys.argv[2])):
	sealed = JWE(algs=["ECDH-ES", "A256GCM"])
	sealed.deserialize(one["jwe"], key)
	header = json.loads(sealed.objects["protected"])
	parties = [base64.urlsafe_b64decode(header[name] + "==").decode() for name in ("apu", "apv")]
	if parties != [one["apu"], one["apv"]] or header["kid"] != key.thumbprint():
		raise ValueError("belongs to another message")
	opened.append(base64.b64encode(sealed.payload).decode())
print(json.dumps(opened))
