"""A page looked at by a real browser without a window: Chromium, where it is installed.

    look(path, "270-cases")

holds a page of `concert cases export` to what it promises: labels of its pictures touch neither each other nor the edge, nothing is wider than
the window, a desk's or a telephone's, all text stands out from what is behind it, by day and by night, headings, tables and pictures are told to who
cannot see them, nothing is fetched, and on paper it has a first page of its own. The picture and the print stay in build/pages/."""

import re
import shutil
import subprocess

from scenario import OUT, SLOW, TOP, expect

# What a reader's eye would complain of, measured by the browser itself; the answer stands in the page's title.
PROBE = r"""<script>
addEventListener('load', () => {
  const wrong = [], over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
    texts.forEach(([a, r], i) => {
      if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 3) wrong.push('cut: ' + a);
      texts.slice(0, i).forEach(([b, s]) => { if (over(r, s)) wrong.push('over each other: ' + a + ' / ' + b) });
    });
    for (const g of svg.querySelectorAll('#graph g')) {
      const box = g.querySelector('rect'), r = box && box.getBoundingClientRect();
      for (const t of box ? g.querySelectorAll('text') : []) { const s = t.getBoundingClientRect(); if (s.right > r.right + 1) wrong.push('leaves its box: ' + t.textContent) }
    }
  }
  const parts = (s) => s.match(/[\d.]+/g).map(Number), seen = new Set();
  const light = (c) => { const [r, g, b] = parts(c).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
  const behind = (e) => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor; if (parts(b).length < 4 || parts(b)[3] > 0) return b } return 'rgb(255,255,255)' };
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || e.closest('title,desc')) continue;
    const c = getComputedStyle(e), a = light(e instanceof SVGElement ? c.fill : c.color), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), key = e.className + e.tagName;
    if (ratio < 4.5 && !seen.has(key)) { seen.add(key); wrong.push('pale (' + ratio.toFixed(1) + '): ' + e.textContent.slice(0, 40)) }
  }
  let level = 0;
  for (const h of document.querySelectorAll('h1,h2,h3,h4')) { if (+h.tagName[1] > level + 1) wrong.push('a level of headings is left out: ' + h.textContent); level = +h.tagName[1] }
  if (document.querySelectorAll('h1').length != 1 || !document.documentElement.lang || !document.title.includes('TLP:')) wrong.push('one heading, a language, a title with the marking');
  for (const t of document.querySelectorAll('th')) if (t.scope != 'col') wrong.push('a head of no column: ' + t.textContent);
  for (const v of document.querySelectorAll('svg')) if (v.getAttribute('aria-hidden') != 'true' && !(v.getAttribute('role') == 'img' && v.getAttribute('aria-label'))) wrong.push('a picture without words');
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the window: ' + document.documentElement.scrollWidth);
  if (performance.getEntriesByType('resource').length) wrong.push('fetched something');
  if (!document.querySelector('#timeline') || !document.querySelector('#bars')) wrong.push('a picture is missing');
  document.documentElement.setAttribute('data-found', wrong.length ? wrong.join(' ;; ') : 'nothing');
});
</script>"""


# Words of who is behind something.  A case names infrastructure and the organisations that reported, nothing and nobody else.
NEVER = """attribut actor nation-state country government regime culprit perpetrator hacker criminal guilty suspect blame adversary enemy intelligence
military spy espionage terror apt attacker foreign citizen person people nationality ethnic offender sponsor motive agency politic army russia china chinese iran korea ukrain america israel""".split()


def says_nobody(path):
	"""No such word stands in what a reader sees, of a page or of plain text."""
	text = path.read_text()
	if "<style>" in text:
		text = re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S))
	text = text.lower()
	for word in NEVER:
		expect(not re.search(rf"\b{word}", text), f"{path.name} says {word!r}")


NIGHT = "--blink-settings=preferredColorScheme=0"


def _chromium():
	return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _run(*words):
	line = [_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
		f"--user-data-dir={OUT}/chromium", *words]
	return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=120 * SLOW)


def look(path, name, height=2600):
	says_nobody(path)
	if _chromium() is None:
		print(f"without a browser: {path} is not looked at (install chromium)")
		return False
	keep = TOP / "build/pages"
	keep.mkdir(parents=True, exist_ok=True)
	picture, print_ = keep / f"{name}.png", keep / f"{name}.pdf"
	page = path.read_text()
	# The page's own policy forbids the probe: a copy without it is measured.
	probe = OUT / "probe.html"
	probe.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', lambda _: PROBE, page))
	for how, words in {"": ["--window-size=1280,1200"], " at night": ["--window-size=1280,1200", NIGHT], " on a telephone": ["--window-size=500,900"]}.items():
		dom = _run(*words, "--dump-dom", f"file://{probe}").stdout.decode(errors="replace")
		found = re.search(r'data-found="([^"]*)"', dom)
		expect(found and found.group(1) == "nothing", f"what the browser finds wrong{how}: {found.group(1)[:2000] if found else dom[:300]}")
	for old in (picture, print_):
		old.unlink(missing_ok=True)
	_run(f"--window-size=1280,{height}", f"--screenshot={picture}", f"file://{path}")
	expect(picture.exists() and picture.stat().st_size > 20000, "a screenshot was made")
	_run("--no-pdf-header-footer", f"--print-to-pdf={print_}", f"file://{path}")
	sheets = len(re.findall(rb"/Type\s*/Page\b", print_.read_bytes())) if print_.exists() else 0
	expect(sheets >= 2, f"on paper it has a first page and more: {sheets}")
	print(f"looked at by a browser: {picture}, {sheets} sheets")
	return True
