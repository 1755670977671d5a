"""TLS between curl (or openssl s_client) and nginx (or openssl s_server)."""

import subprocess

from stage import C2, EVIL, WEB, WEB6, prose

# One address for each certificate, all on port 443: {main} is what the recording is about.
SERVERS = """
	ssl_session_tickets on;
	server {{
		listen {web}:443 ssl {http2}; listen [{web6}]:443 ssl {http2}; server_name www.example.test;
		ssl_protocols {main}; ssl_certificate {tmp}/chain.pem; ssl_certificate_key {tmp}/leaf.key;
	}}
	server {{
		listen {evil}:443 ssl; server_name self.example.test;
		ssl_protocols {main}; ssl_certificate {tmp}/self.pem; ssl_certificate_key {tmp}/self.key;
	}}
	server {{
		listen {c2}:443 ssl; server_name ec.example.test;
		ssl_protocols {main}; ssl_certificate {tmp}/ec.pem; ssl_certificate_key {tmp}/ec.key;
		ssl_client_certificate {tmp}/ca.pem; ssl_verify_client optional;
		ssl_ecdh_curve X25519;
	}}
"""


def _servers(stage, main, http2=""):
	stage.certificate("ca", "/O=Example CA/CN=Example Test CA", "basicConstraints=critical,CA:TRUE")
	stage.certificate("leaf", "/O=Example/CN=www.example.test",
		"subjectAltName=DNS:www.example.test,DNS:*.example.test", "basicConstraints=CA:FALSE", signer="ca")
	stage.certificate("client", "/O=Example/CN=client-7", "basicConstraints=CA:FALSE", signer="ca")
	stage.certificate("self", "/C=XX/O=Internet Widgits/CN=self.example.test")
	stage.certificate("ec", "/CN=ec.example.test", "subjectAltName=DNS:ec.example.test",
		key="ec -pkeyopt ec_paramgen_curve:prime256v1", days="1")
	stage.write("chain.pem", b"".join((stage.tmp / f"{n}.pem").read_bytes() for n in ("leaf", "ca")))
	stage.write("www/index.html", prose(3000))
	stage.nginx(SERVERS.format(tmp=stage.tmp, web=WEB, web6=WEB6, evil=EVIL, c2=C2, main=main, http2=http2), 443)


def _get(stage, name, *words, address=WEB, fails=False):
	"""curl that knows the name's address, so that the name is asked for by SNI."""
	return stage.curl("--resolve", f"{name}:443:{address}", *words, f"https://{name}/", fails=fails)


def _s_client(stage, address, *words):
	"""openssl's client: one request after the handshake.  It ends badly where the handshake is meant to fail."""
	stage.client.run(["openssl", "s_client", "-connect", address, "-quiet", *words],
		input="GET / HTTP/1.0\r\n\r\n", check=False)


def tls12(stage):
	"""TLS 1.2, port 443: chain of two certificates in clear, SNI, ALPN http/1.1; a CBC cipher without ALPN; self-
	signed, with SNI, without it, and refused by the client; resumed by a ticket; no ticket offered; an ECDSA
	server (one day's certificate) with a client certificate."""
	_servers(stage, "TLSv1.2")
	trust = ("--cacert", stage.tmp / "ca.pem")
	with stage.capture("tls12"):
		_get(stage, "www.example.test", *trust)
		_get(stage, "www.example.test", *trust, "--no-alpn", "--ciphers", "ECDHE-RSA-AES256-SHA384")
		_get(stage, "self.example.test", "-k", address=EVIL)
		stage.curl("-k", f"https://{EVIL}/")
		_get(stage, "self.example.test", address=EVIL, fails=True)
		for option in ("-sess_out", "-sess_in"):
			_s_client(stage, f"{WEB}:443", "-tls1_2", "-servername", "www.example.test",
				option, stage.tmp / "session")
		_s_client(stage, f"{WEB}:443", "-tls1_2", "-no_ticket", "-servername", "www.example.test")
		_s_client(stage, f"{C2}:443", "-tls1_2", "-servername", "ec.example.test",
			"-cert", stage.tmp / "client.pem", "-key", stage.tmp / "client.key", "-alpn", "h2,http/1.1")


def tls13(stage):
	"""TLS 1.3, port 443: SNI, ALPN h2 and http/1.1; IPv6; a client that speaks 1.2 only and is refused; resumed;
	another group asked for (hello retry request) by an ECDSA server."""
	_servers(stage, "TLSv1.3", "http2")
	trust = ("--cacert", stage.tmp / "ca.pem")
	with stage.capture("tls13"):
		_get(stage, "www.example.test", *trust)
		_get(stage, "www.example.test", *trust, "--http1.1")
		_get(stage, "www.example.test", *trust, address=f"[{WEB6}]")
		_get(stage, "www.example.test", *trust, "--tls-max", "1.2", fails=True)
		for option in ("-sess_out", "-sess_in"):
			_s_client(stage, f"{WEB}:443", "-tls1_3", "-servername", "www.example.test",
				option, stage.tmp / "session")
		_s_client(stage, f"{C2}:443", "-tls1_3", "-groups", "P-256:X25519", "-servername", "ec.example.test")


def tls_openssl(stage):
	"""openssl s_server on port 8443, which no table of ports knows: TLS 1.2 with Ed25519, TLS 1.3, a client
	certificate asked for and given, and records of 512 bytes at most."""
	stage.certificate("ed", "/CN=odd.example.test", key="ed25519")
	stage.certificate("client", "/CN=client-8", key="ed25519")
	server = stage.server.start(["openssl", "s_server", "-accept", "8443", "-cert", stage.tmp / "ed.pem",
		"-key", stage.tmp / "ed.key", "-www", "-quiet", "-verify", "1", "-max_send_frag", "512"],
		stderr=subprocess.DEVNULL)
	stage.server.wait_port(8443, WEB, server)
	with stage.capture("tls_openssl"):
		for version in ("-tls1_2", "-tls1_3"):
			_s_client(stage, f"{WEB}:8443", version, "-servername", "odd.example.test",
				"-cert", stage.tmp / "client.pem", "-key", stage.tmp / "client.key")


RECORDINGS = {tls12: {}, tls13: {}, tls_openssl: {}}
