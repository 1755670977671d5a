/*
 * YARA rules that come with concert.  Metadata: scan says where a rule is used ("file" without it, "stream", "both"),
 * severity high, medium or low, and sid from 3900501 on.
 */

rule concert_demo_payload
{
	meta:
		description = "The demonstration's harmless download"
		author = "concert"
		scan = "both"
		severity = "high"
		tlp = "clear"
		sid = 3900501
		case = "demo"
		near = "http"
	strings:
		$text = "CONCERT-DEMO-PAYLOAD"
	condition:
		$text
}

rule concert_mz_without_pe
{
	meta:
		description = "Begins as a DOS program but has no PE header behind it: stub, loader data or a damaged file"
		author = "concert"
		severity = "low"
		tlp = "green"
		sid = 3900502
		case = "demo"
		near = "http"
	condition:
		uint16(0) == 0x5a4d and filesize > 1KB and (uint32(0x3c) + 4 > filesize or uint32(uint32(0x3c)) != 0x00004550)
}

rule concert_php_webshell_eval
{
	meta:
		description = "PHP that runs what a request brings, decoded on the way"
		author = "concert"
		severity = "high"
		tlp = "green"
		sid = 3900503
		near = "http"
	strings:
		$php = "<?php" nocase
		$eval = /(eval|assert|system|passthru)\s*\(\s*(base64_decode|gzinflate|str_rot13)\s*\(\s*(gzinflate\s*\(\s*)?\$_(POST|GET|REQUEST|COOKIE)/ nocase
		$direct = /(eval|assert|system|passthru|shell_exec)\s*\(\s*@?\$_(POST|GET|REQUEST|COOKIE)\s*\[/ nocase
	condition:
		$php and ($eval or $direct)
}

rule concert_reverse_shell_stream
{
	meta:
		description = "A line that opens a shell back to somewhere, on the wire in clear"
		author = "concert"
		scan = "stream"
		severity = "high"
		tlp = "green"
		sid = 3900504
		near = "http"
	strings:
		$bash = /bash -i >& \/dev\/tcp\/[0-9.]{7,15}\/[0-9]{1,5} 0>&1/
		$nc = /nc(at)? (-[a-z]+ )*[0-9.]{7,15} [0-9]{1,5} -e \/bin\/(ba)?sh/
	condition:
		any of them
}
