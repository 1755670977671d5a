"""check.py MESSAGES: a JSON list of {topic, key, headers, value, jwk, good}, value as base64; verifies each by jwcrypto, and prints
those that came out otherwise; then signs one of its own with the JWK of the first (d is in it) and prints it."""
import base64
import json
import sys

from verify import verify

for number, m in enumerate(json.load(open(sys.argv[1]))):
	value = base64.b64decode(m["value"])
	try:
		verify(m["topic"], m["key"], m["headers"], value, m["jwk"])
		good = True
	except Exception:
		good = False
	if good != m["good"]:
		print(f"message {number}: {'accepted' if good else 'refused'}")
