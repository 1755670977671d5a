"""HTTP between curl (or raw_http.py) and nginx."""

import gzip
import zlib

from stage import HERE, WEB, WEB6, noise, prose

MARKER = b"CONCERT-TEST-MARKER this file is harmless: it is there to be found by a rule of a test\n"
SERVER = """
	server {{
		listen {port} {options};
		listen [{web6}]:{port} {options};
		server_name www.example.com;
		location /chunked/ {{ sub_filter_types *; sub_filter nothing-to-replace x; sub_filter_once off; }}
		location /gzip/ {{ gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0; }}
		location /brotli/ {{ brotli on; brotli_types *; brotli_min_length 1; }}
		location = /gzipped.txt {{ default_type text/plain; add_header Content-Encoding gzip; }}
		location = /deflated.txt {{ default_type text/plain; add_header Content-Encoding deflate; }}
		location /form {{ return 200 "stored\\n"; }}
		location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
		location /old {{ return 301 http://www.example.com/index.html; }}
		location /private {{ auth_basic demo; auth_basic_user_file {tmp}/passwords; }}
		location /cookie {{ add_header Set-Cookie "session=0123456789abcdef; HttpOnly";
			return 200 "hello\\n"; }}
	}}
"""


def _site(stage, port=80, options=""):
	stage.write("www/index.html", "<!doctype html><title>Example</title><p>" + prose(800) + "</p>\n")
	stage.write("www/private", "for those who know the password\n")
	stage.write("passwords", "demo:{PLAIN}not-a-secret\n")
	stage.write("www/text.txt", prose(12000, 2))
	stage.write("www/small.txt", "small\n")
	stage.write("www/files/marker.bin", MARKER)
	stage.write("www/files/noise.bin", noise(40000))
	for folder in ("chunked", "gzip", "brotli"):
		stage.write(f"www/{folder}/text.txt", prose(30000, 3))
		stage.write(f"www/{folder}/marker.txt", MARKER + prose(5000, 4).encode())
	stage.write("www/gzipped.txt", gzip.compress(prose(5000, 5).encode(), mtime=0))
	stage.write("www/deflated.txt", zlib.compress(prose(5000, 6).encode()))
	stage.nginx(SERVER.format(tmp=stage.tmp, port=port, options=options, web6=WEB6), port)


def _url(path, address=WEB):
	return f"http://{address}/{path}"


HOST = ("-H", "Host: www.example.com")


def http(stage):
	"""Plain requests: one connection with several, a file, HEAD, range, 301, 304, 401 and then the password, a
	cookie, 404, 405, HTTP/1.0."""
	_site(stage)
	with stage.capture("http"):
		stage.curl(*HOST, _url("index.html"), "-o", "/dev/null", _url("text.txt"),
			"-o", "/dev/null", _url("small.txt"))
		stage.curl(*HOST, "-A", "Wget/1.21.3", _url("files/marker.bin"))
		stage.curl(*HOST, _url("files/noise.bin?name=value&other=%C3%A9"))
		stage.curl(*HOST, "-I", _url("text.txt"))
		stage.curl(*HOST, "-r", "100-299", _url("text.txt"))
		stage.curl(*HOST, "-H", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", _url("text.txt"))
		stage.curl(*HOST, "-e", "http://search.example.com/?q=concert", _url("old"))
		stage.curl(*HOST, _url("private"))
		stage.curl(*HOST, "-u", "demo:not-a-secret", _url("private"))
		stage.curl(*HOST, "-b", "session=0123456789abcdef", _url("cookie"))
		stage.curl(*HOST, _url("missing.php"))
		stage.curl(*HOST, "-X", "DELETE", _url("text.txt"))
		stage.curl(*HOST, "-0", _url("small.txt"))


def http_small(stage):
	"""One request for a marker file and a ping, with room for tunnel headers: the inside of the encapsulated
	captures."""
	_site(stage)
	with stage.capture("http_small"):
		stage.curl(*HOST, "--compressed", _url("files/marker.bin"), "-o", "/dev/null", _url("gzip/text.txt"))
		stage.client.run(["ping", "-c", "1", WEB])


def http_small_ipv6(stage):
	"""The same over IPv6."""
	_site(stage)
	with stage.capture("http_small_ipv6"):
		stage.curl(*HOST, "--compressed", _url("files/marker.bin", f"[{WEB6}]"),
			"-o", "/dev/null", _url("gzip/text.txt", f"[{WEB6}]"))
		stage.client.run(["ping", "-c", "1", WEB6])


def http_encodings(stage):
	"""Chunked answers; gzip and brotli, chunked; gzip to HTTP/1.0, until the end of the connection; gzip and
	deflate with a length."""
	_site(stage)
	with stage.capture("http_encodings"):
		stage.curl(*HOST, _url("chunked/text.txt"), "-o", "/dev/null", _url("chunked/marker.txt"))
		for name in ("text.txt", "marker.txt"):
			stage.curl(*HOST, "--compressed", "-H", "Accept-Encoding: gzip", _url("gzip/" + name))
			stage.curl(*HOST, "-H", "Accept-Encoding: br", _url("brotli/" + name))
		stage.curl(*HOST, "-0", "-H", "Accept-Encoding: gzip", _url("gzip/text.txt"))
		stage.curl(*HOST, _url("gzipped.txt"))
		stage.curl(*HOST, _url("deflated.txt"))


def http_post(stage):
	"""Forms, a multipart upload of a file, PUT with a length, in chunks and after 100-continue."""
	_site(stage)
	upload = stage.write("upload.bin", MARKER + noise(20000, 7))
	with stage.capture("http_post"):
		stage.curl(*HOST, "-d", "user=demo&comment=one+two%21", _url("form"))
		stage.curl(*HOST, "-H", "Content-Type: application/json",
			"-d", '{"id": 7, "text": "caf\\u00e9"}', _url("form"))
		stage.curl(*HOST, "-F", "field=value", "-F", f"file=@{upload};filename=report.bin", _url("form"))
		stage.curl(*HOST, "-T", upload, _url("put/one.bin"))
		stage.curl(*HOST, "-H", "Transfer-Encoding: chunked", "-T", upload, _url("put/two.bin"))
		stage.curl(*HOST, "-H", "Expect: 100-continue", "--data-binary", f"@{upload}", _url("form"))


def http_raw(stage):
	"""Four requests pipelined in one write; a request sent byte by byte; six odd requests."""
	_site(stage)
	with stage.capture("http_raw"):
		for what in ("pipeline", "slow", "odd"):
			stage.client.run(["python3", HERE / "raw_http.py", WEB, 80, what])


def http2_clear(stage):
	"""HTTP/2 without TLS: nghttp with three streams on one connection, a POST; curl with a 404."""
	_site(stage, 8080, "http2")
	base = f"http://{WEB}:8080/"
	form = stage.write("form", "user=demo&comment=over+http2")
	with stage.capture("http2_clear"):
		stage.client.run(["nghttp", "-n", "-H", "accept-encoding: gzip", base + "index.html",
			base + "gzip/text.txt", base + "files/marker.bin"])
		stage.client.run(["nghttp", "-n", "-d", form, base + "form"])
		stage.curl("--http2-prior-knowledge", base + "missing")


SMALL_MTU = 1400
RECORDINGS = {
	http: {}, http_small: {"mtu": SMALL_MTU}, http_small_ipv6: {"mtu": SMALL_MTU}, http_encodings: {},
	http_post: {}, http_raw: {}, http2_clear: {},
}
