"""Two organisations with desks on one file exchange, each trusting the other's key: what the scenarios 210, 220 and 230 stand on."""
import json
import subprocess

from scenario import *

SHARED = f"file:{OUT}/shared"
ENTRY = {"country": "DE", "kind": "national", "receive": "amber", "valid": "365d",
	"contacts": [{"role": "technical", "name": "Duty officer", "email": "duty@cert.example", "telephone": "+49 30 1234", "languages": ["de", "en"],
		"hours": "24/7", "time_zone": "Europe/Berlin"},
		{"role": "policy", "name": "Head of unit", "email": "head@cert.example", "hours": "Mo-Fr 08:00-17:00", "time_zone": "UTC"}],
	"sectors": [{"name": "energy", "criteria": {"critical": "500,000 people without power"}}, {"name": "water"}]}


class Desk:
	def __init__(self, name):
		self.name, self.id, self.more = name, f"cert.{name}.example", []

	def words(self, *words):
		return [*words[:2], "-l", outdir(self.name), "--exchange", SHARED, "--set", f"sensor.organisation={self.id}", "--set",
			"exchange.heartbeat=0", *self.more, *words[2:]]

	def run(self, *words, code=0, **options):
		return concert(*self.words(*words), code=code, **options)

	def json(self, *words, **options):
		return [json.loads(line) for line in self.run(*words, "--json", **options).out.splitlines()]

	def kid(self):
		return json.loads(self.run("keys", "show", "--json").out)["keys"][-1]

	def agreement(self):
		key = json.loads(self.run("keys", "show", "--json").out)["agreement"]
		return {"fingerprint": key["kid"], "x": key["x"]}

	def trusts(self, *others, known=True, receive="amber"):
		path = write(f"{self.name}-trust.json", json.dumps({"organisations": [{"id": one.id, "receive": receive,
			"agreement": one.agreement() if known else one.agreement()["fingerprint"], "keys": [
			{"fingerprint": key["kid"], **({"x": key["x"]} if known else {})} for key in [one.kid()]]} for one in others]}))
		self.more += ["--set", f"exchange.trust={path}"]

	def policy(self, *rules):
		self.more += ["--set", f"exchange.policy={write(f'{self.name}-policy.json', json.dumps({'rules': list(rules)}))}"]


def two_desks(**more):
	a, b = Desk("a"), Desk("b")
	(OUT / "shared").mkdir(exist_ok=True)  # whoever reads a place that is not there is told so
	for one in (a, b):
		one.run("keys", "make")
	a.trusts(b, **more)
	b.trusts(a, **more)
	return a, b


def all_pass_stix():
	"""Every bundle on the exchange, by stix2-validator and the stix2 library, where these are."""
	done = subprocess.run([TOP / "tests/conformance/stix-validate", "--all", OUT / "shared"], capture_output=True, text=True)
	expect(done.returncode in (0, 77), f"stix-validate: {done.stdout[-3000:]} {done.stderr[-1000:]}")
