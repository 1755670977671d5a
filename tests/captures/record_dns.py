"""DNS between dig and dnsmasq."""

from stage import CLIENT, EVIL, RESOLVER, WEB, WEB6

LONG = "\n".join(f"txt-record=long.example.test,{n:02d}-" + "0123456789abcdef" * 15 for n in range(12))
RECORDS = f"""
local=/example.test/
local=/example.com/
local=/2.0.192.in-addr.arpa/
address=/wild.example.test/{EVIL}
host-record=www.example.test,{WEB},{WEB6}
host-record=mail.example.test,{EVIL}
cname=alias.example.test,www.example.test
cname=second.example.test,alias.example.test
mx-host=example.test,mail.example.test,10
mx-host=example.test,www.example.test,20
txt-record=example.test,v=spf1 mx -all,second string
srv-host=_ldap._tcp.example.test,www.example.test,389,5,50
caa-record=example.test,0,issue,ca.example.test
naptr-record=example.test,100,10,S,SIP+D2U,,_sip._udp.example.test
ptr-record=10.2.0.192.in-addr.arpa,victim.example.test
dns-rr=svc.example.test,65,000100000100030268320004000cc6336414
{LONG}
host-record=xn--bcher-kva.example.test,{WEB}
"""
ASKED = [
	("www.example.test", "A"), ("www.example.test", "AAAA"), ("second.example.test", "A"), ("example.test", "MX"),
	("example.test", "TXT"), ("_ldap._tcp.example.test", "SRV"), ("example.test", "CAA"), ("example.test", "NAPTR"),
	("svc.example.test", "HTTPS"), ("any.wild.example.test", "A"), ("xn--bcher-kva.example.test", "A"),
	("nothing-here.example.test", "A"), ("mail.example.test", "AAAA"), ("WwW.eXaMpLe.TeSt", "A"),
	("version.bind", "TXT", "CH"), ("outside.example", "A"),
]


def _dig(stage, *words, server=RESOLVER):
	stage.client.run(["dig", f"@{server}", "+tries=1", "+time=5", *words])


def _ask_all(stage, *options, server=RESOLVER):
	for words in ASKED:
		_dig(stage, *words, *options, server=server)
	_dig(stage, "-x", CLIENT, *options, server=server)


def dns(stage):
	"""Seventeen questions over UDP: A, AAAA, CNAME chain, MX, TXT, SRV, CAA, NAPTR, HTTPS, PTR, wildcard, IDN,
	NXDOMAIN, no data, mixed case, class CH, a name the server refuses; then A without EDNS and with client
	subnet."""
	stage.dnsmasq(RECORDS)
	with stage.capture("dns"):
		_ask_all(stage)
		_dig(stage, "www.example.test", "A", "+noedns")
		_dig(stage, "www.example.test", "A", "+subnet=203.0.113.0/24", "+dnssec")


def dns_tcp(stage):
	"""The same over TCP, three questions on one connection, and an answer cut on UDP (TC) that is asked again
	over TCP."""
	stage.dnsmasq(RECORDS)
	with stage.capture("dns_tcp"):
		_ask_all(stage, "+tcp")
		_dig(stage, "+tcp", "+keepopen", "www.example.test", "A", "example.test", "MX", "example.test", "TXT")
		_dig(stage, "long.example.test", "TXT", "+bufsize=512")


def dns_ipv6(stage):
	"""The same over UDP on IPv6."""
	stage.dnsmasq(RECORDS)
	with stage.capture("dns_ipv6"):
		_ask_all(stage, server=WEB6)


def dns_fragments(stage):
	"""A long TXT answer over UDP with a large EDNS buffer, in IPv4 and in IPv6 fragments; the same name over
	TCP."""
	stage.dnsmasq(RECORDS)
	with stage.capture("dns_fragments"):
		for server in (RESOLVER, WEB6):
			_dig(stage, "long.example.test", "TXT", "+bufsize=4096", server=server)
		_dig(stage, "long.example.test", "TXT", "+tcp")


def icmp_fragments(stage):
	"""ping with 3,000 and 8,000 bytes over IPv4 and IPv6, and once a packet that fits."""
	with stage.capture("icmp_fragments"):
		for address in (WEB, WEB6):
			for size in (3000, 8000, 56):
				stage.client.run(["ping", "-c", "2", "-i", "0.1", "-s", size, address])


RECORDINGS = {dns: {}, dns_tcp: {}, dns_ipv6: {}, dns_fragments: {}, icmp_fragments: {}}
