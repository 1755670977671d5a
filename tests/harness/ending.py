"""How tests end: what they started must end with them, however they end."""

import os
import signal
import threading


def unwind_on_term():
	"""From now on SIGTERM is an exception, so that every `with` is left as it should be. A handler that somebody
	else has set stays; only the main thread may set one."""
	if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
		signal.signal(signal.SIGTERM, _exit)


def _exit(number, frame):
	raise SystemExit(128 + number)


def alive(pid):
	"""Whether a process of that number runs; one that has ended and was not yet collected does not."""
	try:
		with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
			return f.read().rpartition(")")[2].split()[0] != "Z"
	except OSError:
		return False


def name_for(kind):
	"""Start of a name that tells whose a thing is: concert-<kind>-<pid>-"""
	return f"concert-{kind}-{os.getpid()}-"


def owner_gone(name, kind):
	"""Whether a thing of such a name was left behind by a test that is no more."""
	part = name.split("-")
	return part[:2] == ["concert", kind] and len(part) > 3 and part[2].isdigit() and not alive(int(part[2]))
