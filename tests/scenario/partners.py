"""Families of make-world about who saw what: hosts that do what all do, who repeats, who is silent, who tells how much.  Each takes the world."""
from datetime import datetime, timedelta, timezone


def instant(text):
    return datetime.strptime(text.rstrip("Z"), "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc)


def times(w, count):
    at, span = w.r.uniform(0, 0.5), w.r.uniform(0.05, 0.45)
    return sorted(w.when(at, at + span) for _ in range(count))


def everyday(w):
    """The hosts that are infected fetch updates and mail as all others of their networks do."""
    r, hosts = w.r, {}
    popular = [(w.outside(), w.name()) for _ in range(3)]
    for org in w.orgs:
        hosts[org["id"]] = [w.inside(org) for _ in range(r.randint(12, 25))]
        for host in hosts[org["id"]]:
            for addr, domain in r.sample(popular, r.randint(1, 3)):  # judged by nobody: all may be one case, or none
                w.see([], org, w.when(), "domain", domain, "dialogue", addr, 80, victim=w.victim(org, host), domain=domain, rule=w.sids[0])
    for k in range(r.randint(1, 2)):
        tool, addr, domain, cert, o = w.tool(), w.outside(), w.name(), w.hexed("", 64), []
        for org in r.sample(w.orgs, r.randint(3, min(5, len(w.orgs)))):
            for host in r.sample(hosts[org["id"]], r.randint(2, 4)):
                for t in times(w, r.randint(1, 2)):
                    w.contact(o, org, t, tool, addr, domain, cert, victim=w.victim(org, host))
        w.campaign(f"c{k + 1}", o, True, [{"kind": "addr", "value": addr}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
                   "one server by name and key; its victims do what all hosts do")


def parrots(w):
    """Two partners send on as their own what they read, minutes or hours later; they have no victims."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < 6:
        w.orgs.append(w.organisation(len(w.orgs)))
    hubs, orgs = w.orgs[-2:], r.sample(w.orgs[:-2], r.choice([1, 1, 3, 4]))
    addr, domain, cert = w.outside(), w.name(), w.hexed("", 64)
    for org in hubs:
        org["clock"] = {"source": "ntp", "error_s": 0.1, "offset_s": 0}
    for org in orgs * 2:
        w.see(o, org, w.when(0.2, 0.6), r.choice(["addr", "domain", "cert-sha256"]), "", "keyed", addr, 443, victim=w.victim(org), domain=domain,
              prints=w.tls(tool, cert), rule=r.choice(tool["rules"]))
        w.obs[-1]["indicator"]["value"] = {"addr": addr, "domain": domain, "cert-sha256": cert}[w.obs[-1]["indicator"]["kind"]]
    read = [x for x in w.obs if x["id"] in o or (x.get("attacker") and r.random() < 0.5)]
    for org, wait in zip(hubs, (r.randint(300, 900), r.randint(7200, 20000))):
        for x in read:
            if x["organisation"] in {h["id"] for h in hubs}:
                continue
            t = instant(x["last"]) + timedelta(seconds=wait * r.uniform(0.9, 1.1))
            w.see(o if x["id"] in o else [], org, t, x["indicator"]["kind"], x["indicator"]["value"], x["proof"], x["attacker"]["addr"], x["attacker"]["port"],
                  x["attacker"]["role"], prints=x.get("fingerprints"), count=x["count"], domain=x.get("domain"), url=x.get("url"), file_sha256=x.get("file_sha256"))
            w.obs[-1].update({k: x[k] for k in ("rule",) if k in x})
            w.echoes.append(w.obs[-1]["id"])
    if len(orgs) == 1:
        w.campaign("c1", o, False, [], "one saw it; two say everything after others")
    else:
        w.campaign("c1", o, True, [{"kind": "addr", "value": addr}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
                   "several saw it themselves, beside two who repeat")


def silence(w):
    """Aimed at three of forty: the others looked, and say that they did not see it."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < r.choice([20, 30, 40]):
        w.orgs.append(w.organisation(len(w.orgs)))
    addr, orgs = w.outside(), r.sample(w.orgs, 3)
    for org in orgs * r.randint(2, 3):
        w.see(o, org, w.when(0.1, 0.4), "addr", addr, "dialogue", addr, 443, victim=w.victim(org), prints=w.tls(tool), rule=r.choice(tool["rules"]))
    for org in w.orgs:
        if org not in orgs:
            w.see(o, org, w.when(0, 0.1), "addr", addr, "spoofable", positive=False, count=1, last=w.until, origin={"kind": "answer", "to": orgs[0]["id"]})
    w.campaign("c1", o, True, [{"kind": "addr", "value": addr}], "three witnesses; that it is not aimed at the others is one fact, not one of each")


def levels(w):
    """Many partners, each with a sensor that tells all, rules only, or addresses only; some hundreds of sights of three addresses of one name."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < r.choice([10, 15, 20]):
        w.orgs.append(w.organisation(len(w.orgs)))
    addrs, domain, cert = [w.outside() for _ in range(3)], w.name(), w.hexed("", 64)
    for k, org in enumerate(w.orgs):
        level = ["all", "rules", "addresses"][k % 3]
        for t in times(w, r.choice([3, 10, 60])):
            addr, victim = r.choice(addrs), w.victim(org)
            if level == "all":
                w.see(o, org, t, r.choice(["addr", "domain"]), addr, "keyed", addr, 443, victim=victim, domain=domain, prints=w.tls(tool, cert), rule=tool["rules"][0])
                if w.obs[-1]["indicator"]["kind"] == "domain":
                    w.obs[-1]["indicator"]["value"] = domain
            elif level == "rules":
                w.see(o, org, t, "addr", addr, "dialogue", addr, 443, victim=victim, rule=tool["rules"][0])
            else:
                w.see(o, org, t, "addr", addr, "handshake", addr, 443, victim=victim)
    w.campaign("c1", o, True, [{"kind": "addr", "value": a} for a in addrs] + [{"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
               "one name at three addresses; who tells no name does not say that there was none")


def marked(w):
    """Half of the partners mark all that they send CLEAR: it leaves without its victim.  One server; in half of the worlds a host of such a partner
    attacks, and the partner itself sees who steers it."""
    r, o, tool = w.r, [], w.tool()
    tool["rules"] = [(x[0], x[1], "web-application-attack") for x in tool["rules"][:1]]
    addr, cert, steered = w.outside(), w.hexed("", 64), r.random() < 0.5
    clear = [w.orgs[0]] + r.sample(w.orgs[1:], len(w.orgs) // 2)
    if steered:
        relay, agent, headers = w.inside(w.orgs[0]), f"agent-{w.hexed('', 6)}/1.0", "host,cookie,user-agent,x-" + w.hexed("", 4)
        prints = {"user_agent": agent, "header_order": headers}
        for t in times(w, r.randint(3, 6)):
            for org in (w.orgs[0], w.orgs[1]):
                w.see(o, org, t, "addr", addr, "dialogue", addr, role="client", victim=w.victim(org, relay if org is w.orgs[0] else None), prints=prints, rule=tool["rules"][0])
            for org in r.sample(w.orgs[1:], r.randint(2, 3)):
                later = t + timedelta(seconds=r.uniform(10, 900))
                w.see(o, org, later, "addr", relay, "dialogue", relay, role="client", victim=w.victim(org), prints=prints, rule=tool["rules"][0])
        w.campaign("c1", o, True, [{"kind": "addr", "value": addr}], "who steers the host is seen by its own CERT, and tries another by himself")
    else:
        seen = r.sample(clear, min(2, len(clear))) + r.sample([x for x in w.orgs if x not in clear], 1)
        for org in seen * r.randint(1, 3):
            w.see(o, org, w.when(0.1, 0.6), "addr", addr, "keyed", addr, 443, victim=w.victim(org), prints=w.tls(tool, cert), rule=tool["rules"][0])
        w.campaign("c1", o, True, [{"kind": "addr", "value": addr}, {"kind": "cert-sha256", "value": cert}], "three who saw it; two tell nothing of whom it met")
    for one in w.obs:
        if one["organisation"] in {x["id"] for x in clear}:
            one["tlp"] = "clear"


def lookups(w):
    """Fast flux, of which most sights are lookups, without anything of who asked; beside it a popular name, that all hosts' programs use."""
    r, o, tool = w.r, [], w.tool()
    tool["agent"], domain, popular = f"agent-{w.hexed('', 6)}/1.0", w.name(), w.name()
    hosts = [w.outside() for _ in range(r.randint(40, 120))]
    for org in w.some(3):
        for _ in range(r.randint(1, 3)):
            victim = w.victim(org)
            for t in times(w, r.randint(5, 12)):
                if r.random() < 0.6:
                    w.see(o, org, t, "domain", domain, "dialogue", r.choice(hosts), victim=victim, domain=domain)
                else:
                    w.see(o, org, t, "url", f"http://{domain}{tool['path']}", "dialogue", r.choice(hosts), 80, victim=victim, domain=domain,
                          url=f"http://{domain}{tool['path']}", prints={"user_agent": tool["agent"]}, rule=tool["rules"][0])
    for org in w.orgs:  # judged by nobody: all may be one case, or none
        for _ in range(r.randint(2, 6)):
            w.see([], org, w.when(), "domain", popular, "dialogue", r.choice(w.cdn), victim=w.victim(org), domain=popular, prints={"ja4": r.choice(w.ja4s)}, rule=w.sids[0])
    w.campaign("c1", o, True, [{"kind": "domain", "value": domain}], "addresses are rented hosts; the name stays, whatever it points to")


def masks(w):
    """One shows another's certificate without its key, and the same hello and agent; its sights are about that certificate, and later.  A server each, or (half)
    the first has a new one for each victim: undeterminable."""
    r, tool, o, other = w.r, w.tool(), [], []
    server, theirs, cert, domain, moves = w.outside(), w.outside(), w.hexed("", 64), w.name(), r.random() < 0.5
    prints = {"ja4": w.hexed("t12d", 30), "ja3": w.hexed("", 32), "certificate_sha256": cert}
    second = (tool["rules"][0][0] + 50, "other family check-in", "trojan-activity")
    for org in w.some(3):
        for _ in range(r.randint(1, 2)):
            victim, addr = w.victim(org), w.outside() if moves else server
            for t in sorted(w.when(0.45, 0.95) for _ in range(r.randint(2, 5))):
                w.see(o, org, t, *r.choice([("cert-sha256", cert), ("addr", addr)]), "dialogue", addr, 443, victim=victim, prints=prints, rule=tool["rules"][0])
    for org in w.some(3) * 2:
        w.see(other, org, w.when(0, 0.4), *r.choice([("domain", domain), ("addr", theirs)]), "keyed", theirs, 443, victim=w.victim(org), prints=prints, domain=domain, rule=second)
    w.campaign("c1", o, not moves, [] if moves else [{"kind": "addr", "value": server}],
               "all that its addresses have in common is copied from another" if moves else "it answers at one address; whose certificate it shows, others see elsewhere, with its key")
    w.campaign("c2", other, True, [{"kind": "addr", "value": theirs}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}], "the one who is copied")


def default(w):
    """A server that shows the certificate of its vendor, key and all, as dozens of devices do that have nothing to do with it."""
    r, vendor, ja3s = w.r, w.hexed("", 64), w.hexed("", 32)
    for _ in range(r.randint(30, 50)):
        org = r.choice(w.orgs)
        w.see(w.noise, org, w.when(), "cert-sha256", vendor, "keyed", w.outside(), r.choice([443, 8443]), victim=w.victim(org),
              prints={"ja3s": ja3s, "certificate_sha256": vendor}, rule=(2045100, "default certificate", "misc-activity"))
    for k in range(r.randint(1, 2)):
        o, addr, tool = [], w.outside(), w.tool()
        tool["ja4"], tool["ja3"], orgs = w.hexed("t12d", 30), w.hexed("", 32), w.some(3)
        for n in range(r.randint(8, 16)):
            w.contact(o, orgs[n % len(orgs)], w.when(0.1 + 0.4 * k, 0.4 + 0.4 * k), tool, addr, cert=vendor)
            if "ja4" in w.obs[-1].get("fingerprints", {}):
                w.obs[-1]["fingerprints"]["ja3s"] = ja3s
        w.campaign(f"c{k + 1}", o, True, [{"kind": "addr", "value": addr}], "the server; its certificate is the vendor's")


def sinkhole(w):
    """Generated names that were taken down lead to one defender's address, where many others' names lead, too."""
    r, sink, hello = w.r, w.outside(), w.hexed("", 32)
    for _ in range(r.randint(15, 30)):
        org, name, sid = r.choice(w.orgs), w.name(True), 3200000 + r.randint(0, 99999)
        w.see(w.noise, org, w.when(), "domain", name, "dialogue", sink, 80, victim=w.victim(org), domain=name, prints={"ja3s": hello}, rule=(sid, "family check-in", "trojan-activity"))
    for k in range(r.randint(2, 3)):
        o, addr, domain, cert, tool, orgs = [], w.outside(), w.name(True), w.hexed("", 64), w.tool(), w.some(3)
        tool["ja4"], tool["ja3"] = w.hexed("t12d", 30), w.hexed("", 32)
        for n in range(r.randint(10, 16)):
            w.contact(o, orgs[n % len(orgs)], w.when(0.05, 0.4), tool, addr, domain, cert)
        for n in range(r.randint(6, 12)):
            w.contact(o, orgs[n % len(orgs)], w.when(0.45, 0.9), tool, sink, domain)
            w.obs[-1].setdefault("fingerprints", {})["ja3s"] = hello
        w.campaign(f"c{k + 1}", o, True, [{"kind": "addr", "value": addr}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
                   "the server until the take-down; since then its name leads where all that were taken down do")


FAMILIES = {"marked": marked, "lookups": lookups, "masks": masks, "everyday": everyday, "parrots": parrots, "silence": silence, "levels": levels,
            "default": default, "sinkhole": sinkhole}
