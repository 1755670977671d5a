"""How good cases are, by the truth of a world: used by score and run.  Standard library only."""
import json
import math
import sys

SURE = 0.8


def refuse(why):
    sys.exit(f"score: {why}")


def check_truth(world):
    """What can't be judged is named, not guessed."""
    truth = world.get("truth") if isinstance(world, dict) else None
    if not isinstance(truth, dict) or not isinstance(truth.get("campaigns"), list):
        refuse("the world has no truth.campaigns: nothing to judge by")
    truth.setdefault("noise", [])
    known, of = {o["id"] for o in world["observations"]}, {}
    for c in truth["campaigns"] + [{"id": "noise", "observations": truth["noise"], "determinable": False}]:
        for member, type_ in (("id", str), ("observations", list), ("determinable", bool)):
            if not isinstance(c.get(member), type_):
                refuse(f"campaign {c.get('id')}: {member}: is not there, or no {type_.__name__}")
        if c["determinable"] and not (c.get("sources") or c.get("source")):
            refuse(f"campaign {c['id']}: is determinable and has neither source nor sources")
        for o in c["observations"]:
            if o not in known:
                refuse(f"campaign {c['id']}: {o} is no observation of this world")
            if o in of:
                refuse(f"{o} is in {of[o]} and in {c['id']}")
            of[o] = c["id"]
    return world


def load_ids(path):
    with open(path) as f:
        return {message: observation for observation, message in (line.rstrip("\n").split("\t") for line in f)}


def clusters_of_cases(cases, ids):
    """observation -> name of its cluster; what is in no case is alone."""
    found = {}
    for case in cases["cases"]:
        for message in case["sightings"]:
            if message in ids:
                found[ids[message]] = case["id"]
    return found


def bcubed(truth, found, items):
    """truth, found: item -> cluster; missing: a cluster of its own."""
    t = {i: truth.get(i, ("alone", i)) for i in items}
    f = {i: found.get(i, ("alone", i)) for i in items}
    sizes_t, sizes_f, both = {}, {}, {}
    for i in items:
        sizes_t[t[i]] = sizes_t.get(t[i], 0) + 1
        sizes_f[f[i]] = sizes_f.get(f[i], 0) + 1
        both[t[i], f[i]] = both.get((t[i], f[i]), 0) + 1
    precision = sum(both[t[i], f[i]] / sizes_f[f[i]] for i in items) / max(1, len(items))
    recall = sum(both[t[i], f[i]] / sizes_t[t[i]] for i in items) / max(1, len(items))
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0


def same(a, b):
    return a.get("kind") == b.get("kind") and str(a.get("value", "")).lower() == str(b.get("value", "")).lower()


def judge(world, found, answers, ids_played):
    """answers: cluster -> {"verdict", "kind", "value", "confidence"}."""
    truth, items = {}, []
    for c in world["truth"]["campaigns"]:
        for o in c["observations"]:
            truth[o] = c["id"]
            items.append(o)
    items = [i for i in items + world["truth"]["noise"] if i in ids_played]
    precision, recall, f1 = bcubed(truth, found, items)
    out = {"family": world["family"], "seed": world["seed"], "precision": precision, "recall": recall, "f1": f1, "campaigns": []}
    for c in world["truth"]["campaigns"]:
        hits = {}
        for o in c["observations"]:
            if o in found:
                hits[found[o]] = hits.get(found[o], 0) + 1
        best = max(sorted(hits, key=str), key=lambda k: hits[k]) if hits else None
        answer = answers.get(best, {"verdict": "cannot say", "confidence": 1.0})
        named = answer["verdict"] == "source"
        sources = c.get("sources") or ([c["source"]] if c.get("source") else [])
        right = any(same(answer, s) for s in sources) if named else not c["determinable"]
        out["campaigns"].append({"id": c["id"], "determinable": c["determinable"], "named": named, "right": right, "confidence": answer["confidence"],
                                 "wrong_sure": named and not right and answer["confidence"] >= SURE, "value": answer.get("value"),
                                 "nearest_share": hits.get(best, 0) / max(1, len(c["observations"]))})
    return out


def judge_cases(world, cases, ids):
    return judge(world, clusters_of_cases(cases, ids), {c["id"]: c["answer"] for c in cases["cases"]}, set(ids.values()))


def turned(with_, without):
    """Another answer: named or not, and where both name a source, right or wrong, or another wrong one."""
    if with_["named"] != without["named"] or with_["right"] != without["right"]:
        return True
    return with_["named"] and not with_["right"] and with_["value"] != without["value"]


# ---- the baselines ----

def grouped(pairs):
    parent = {}

    def root(x):
        parent.setdefault(x, x)
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x
    for a, b in pairs:
        parent[root(a)] = root(b)
    return root


def strings_of(o):
    yield o["indicator"]["kind"], o["indicator"]["value"]
    if o.get("attacker"):
        yield "addr", o["attacker"]["addr"]
    for kind, key in (("domain", "domain"), ("url", "url"), ("file-sha256", "file_sha256")):
        if o.get(key):
            yield kind, o[key]
    for kind, key in (("ja3", "ja3"), ("ja4", "ja4"), ("cert-sha256", "certificate_sha256"), ("user-agent", "user_agent")):
        if o.get("fingerprints", {}).get(key):
            yield kind, o["fingerprints"][key]


def equal_strings(world, played):
    """What shares any string is one event; the string that most messages have, of an address, a name or a certificate, is the source."""
    observations = [o for o in world["observations"] if o["id"] in played]
    root = grouped((o["id"], s) for o in observations for s in strings_of(o))
    found = {o["id"]: str(root(o["id"])) for o in observations}
    votes = {}
    for o in observations:
        for kind, value in strings_of(o):
            if kind in ("addr", "domain", "cert-sha256"):
                votes.setdefault(found[o["id"]], {}).setdefault((kind, value), []).append(1)
    return judge(world, found, by_vote(votes), played)


def by_vote(votes):
    answers = {}
    for cluster, count in votes.items():
        (kind, value), most = max(sorted(count.items()), key=lambda kv: len(kv[1]))
        answers[cluster] = {"verdict": "source", "kind": kind, "value": value, "confidence": len(most) / sum(len(v) for v in count.values())}
    return answers


def majority_address(world, played):
    """What has one indicator or one attacker's address is one event; the address that most messages name is the source."""
    observations = [o for o in world["observations"] if o["id"] in played]
    pairs, votes = [], {}
    for o in observations:
        pairs.append((o["id"], (o["indicator"]["kind"], o["indicator"]["value"])))
        if o.get("attacker"):
            pairs.append((o["id"], ("addr", o["attacker"]["addr"])))
    root = grouped(pairs)
    found = {o["id"]: str(root(o["id"])) for o in observations}
    for o in observations:
        if o.get("attacker"):
            votes.setdefault(found[o["id"]], {}).setdefault(("addr", o["attacker"]["addr"]), []).append(1)
    return judge(world, found, by_vote(votes), played)


# ---- many worlds ----

def rate(part, whole):
    return part / whole if whole else float("nan")


def summary(results):
    campaigns = [c for r in results for c in r["campaigns"]]
    sure = [c for c in campaigns if c["determinable"]]
    open_ = [c for c in campaigns if not c["determinable"]]
    return {"worlds": len(results), "f1": rate(sum(r["f1"] for r in results), len(results)),
            "precision": rate(sum(r["precision"] for r in results), len(results)), "recall": rate(sum(r["recall"] for r in results), len(results)),
            "determinable": len(sure), "top1": rate(sum(c["named"] and c["right"] for c in sure), len(sure)),
            "wrong_sure": rate(sum(any(c["wrong_sure"] for c in r["campaigns"]) for r in results), len(results)),
            "undeterminable": len(open_), "cannot_say": rate(sum(not c["named"] for c in open_), len(open_)),
            "brier": rate(sum((c["confidence"] - c["right"]) ** 2 for c in campaigns), len(campaigns))}


def row(name, s):
    def n(x):
        return "    -" if isinstance(x, float) and math.isnan(x) else f"{x:5.3f}"
    return f"{name:24} {s['worlds']:6} {n(s['f1'])} {n(s['precision'])} {n(s['recall'])} {s['determinable']:5} {n(s['top1'])} {n(s['wrong_sure'])} {s['undeterminable']:5} {n(s['cannot_say'])} {n(s['brier'])}"


HEAD = f"{'':24} {'worlds':>6} {'F1':>5} {'prec.':>5} {'rec.':>5} {'det.':>5} {'top-1':>5} {'wrong':>5} {'open':>5} {'c.say':>5} {'Brier':>5}"


def bins(results, count=10):
    out = [[0, 0, 0.0] for _ in range(count)]
    for r in results:
        for c in r["campaigns"]:
            b = out[min(count - 1, int(c["confidence"] * count))]
            b[0] += 1
            b[1] += c["right"]
            b[2] += c["confidence"]
    return out


def reliability_svg(results):
    """Said against found, by tenths; a circle's area is the number of answers."""
    side, edge, parts = 400, 50, []
    parts.append(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 2 * edge} {side + 2 * edge}" font-family="sans-serif" font-size="12">')
    parts.append(f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="none" stroke="#888"/>')
    parts.append(f'<line x1="{edge}" y1="{edge + side}" x2="{edge + side}" y2="{edge}" stroke="#bbb" stroke-dasharray="4"/>')
    for count, right, said in bins(results):
        if count:
            x, y = edge + side * said / count, edge + side * (1 - right / count)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + math.sqrt(count):.1f}" fill="#2a6fb0" fill-opacity="0.6"><title>{count} answers, said {said / count:.2f}, right {right / count:.2f}</title></circle>')
    parts.append(f'<text x="{edge + side / 2}" y="{2 * edge + side - 15}" text-anchor="middle">confidence said</text>')
    parts.append(f'<text x="15" y="{edge + side / 2}" text-anchor="middle" transform="rotate(-90 15 {edge + side / 2})">part that was right</text>')
    for k in range(0, 11, 2):
        parts.append(f'<text x="{edge + side * k / 10}" y="{edge + side + 16}" text-anchor="middle">{k / 10}</text>'
                     f'<text x="{edge - 6}" y="{edge + side * (1 - k / 10) + 4}" text-anchor="end">{k / 10}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def load(path):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError) as e:
        refuse(f"{path}: {e}")
