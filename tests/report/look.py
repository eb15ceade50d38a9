"""Looks at a report in headless Chromium: `look.py REPORT_DIR SCREENSHOTS [CHROMIUM]`.

Light, dark, 390 px wide and as it is printed: nothing is fetched, nothing stands out of the page or over other text, every
text is large enough and can be told from its ground, and every chart has as many marks as its data has rows.
"""
import pathlib
import sys

from playwright.sync_api import sync_playwright

VIEWS = [("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"), ("phone-dark", 390, "dark")]
# CSS pixels, and the contrast that WCAG 2.1 asks for (1.4.3, level AA).
SMALLEST, CONTRAST = 10, 4.5

LOOK = """([smallest, contrast]) => {
  const found = [], box = e => e.getBoundingClientRect(), name = e => JSON.stringify((e.textContent || '').trim().slice(0, 50));
  const rgb = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const clear = c => c === 'transparent' || (rgb(c).length === 4 && rgb(c)[3] === 0);
  const ground = e => { while (e && clear(getComputedStyle(e).backgroundColor)) e = e.parentElement;
    return e ? getComputedStyle(e).backgroundColor : 'rgb(255, 255, 255)'; };
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > .5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5;
  const doc = document.documentElement;
  if (doc.scrollWidth > doc.clientWidth) found.push(`the page is ${doc.scrollWidth} wide, and the screen ${doc.clientWidth}`);
  const counts = {texts: 0, charts: {}};
  for (const svg of document.querySelectorAll('svg.chart')) {
    const id = svg.dataset.chart, frame = box(svg), texts = [...svg.querySelectorAll('text')];
    const scale = frame.width / svg.viewBox.baseVal.width;
    const marks = svg.querySelectorAll('.mark').length;
    counts.charts[id] = marks;
    if (marks !== Number(svg.dataset.rows) || marks === 0) found.push(`${id}: ${marks} marks, ${svg.dataset.rows} rows`);
    for (const mark of svg.querySelectorAll('.mark')) {
      const b = box(mark);
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1)
        found.push(`${id}: the mark ${mark.dataset.of} is out of the chart`);
    }
    const back = getComputedStyle(svg.querySelector('.ground')).fill;
    texts.forEach((text, at) => {
      counts.texts++;
      const b = box(text), style = getComputedStyle(text);
      if (b.left < frame.left || b.right > frame.right || b.top < frame.top || b.bottom > frame.bottom) found.push(`${id}: ${name(text)} is out of the chart`);
      if (parseFloat(style.fontSize) * scale < smallest) found.push(`${id}: ${name(text)} is ${parseFloat(style.fontSize) * scale} px high`);
      // What stands in a bar has an outline of its own, against which it is read.
      const against = text.classList.contains('inside') ? style.stroke : back;
      if (ratio(style.fill, against) < contrast) found.push(`${id}: ${name(text)} has a contrast of ${ratio(style.fill, against)}`);
      for (const other of texts.slice(at + 1)) if (over(b, box(other))) found.push(`${id}: ${name(text)} stands over ${name(other)}`);
    });
  }
  const blocks = [...document.querySelectorAll('h1, h2, h3, p, li, figcaption, caption, th, td, nav a, pre, figure svg')].filter(e => box(e).width > 0);
  for (const e of blocks) {
    const style = getComputedStyle(e);
    if (parseFloat(style.fontSize) < smallest) found.push(`${name(e)} is ${style.fontSize} high`);
    if (e.tagName !== 'svg' && ratio(style.color, ground(e)) < contrast) found.push(`${name(e)} has a contrast of ${ratio(style.color, ground(e))}`);
    // A cell's text is as wide as it is: what does not fit is to be scrolled to, and not cut off.
    if (e.scrollWidth > e.clientWidth + 1 && style.overflowX === 'visible' && e.clientWidth > 0 && style.display !== 'inline') found.push(`${name(e)} is wider than its place`);
  }
  const boxes = blocks.map(e => [e, box(e)]).sort((a, b) => a[1].top - b[1].top);
  boxes.forEach(([e, b], at) => {
    for (const [other, c] of boxes.slice(at + 1)) {
      if (c.top > b.bottom) break;
      if (!e.contains(other) && !other.contains(e) && over(b, c) && e.closest('.scroll') === other.closest('.scroll')) found.push(`${name(e)} stands over ${name(other)}`);
    }
  });
  return [found, counts];
}"""


def main(report, shots, chromium="/usr/bin/chromium"):
    report, shots = pathlib.Path(report).resolve(), pathlib.Path(shots)
    shots.mkdir(parents=True, exist_ok=True)
    page_url, wrong, texts, charts = (report / "report.html").as_uri(), [], 0, {}
    with sync_playwright() as playwright:
        # A root user in a container has no sandbox; what is opened is our own file.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, width, scheme in VIEWS:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page, requests = context.new_page(), []
            page.on("request", lambda request: requests.append(request.url))
            page.on("console", lambda message: wrong.append(f"{name}: console: {message.text}"))
            page.goto(page_url)
            found, counts = page.evaluate(LOOK, [SMALLEST, CONTRAST])
            page.screenshot(path=shots / f"{name}.png", full_page=True)
            if requests != [page_url]:
                wrong.append(f"{name}: fetched {requests}")
            wrong += [f"{name}: {one}" for one in found]
            texts += counts["texts"]
            charts = counts["charts"]
            if scheme == "dark":
                # Paper is white, whatever the screen is.
                page.emulate_media(media="print")
                grounds = page.evaluate("""() => [document.body, document.querySelector('svg .ground')]
                    .map(e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).fill])""")
                if grounds[0][0] != "rgb(255, 255, 255)" or grounds[1][1] != "rgb(255, 255, 255)":
                    wrong.append(f"{name}: printed on {grounds}")
                page.pdf(path=shots / f"{name}.pdf", format="A4")
            context.close()
        if len(charts) != 6:
            wrong.append(f"charts: {sorted(charts)}")
        for chart, marks in charts.items():
            page = browser.new_page(color_scheme="dark")
            page.goto((report / f"{chart}.svg").as_uri())
            alone = page.evaluate("() => document.documentElement.querySelectorAll('.mark').length")
            if alone != marks:
                wrong.append(f"{chart}.svg has {alone} marks, and the page {marks}")
            page.locator(":root").screenshot(path=shots / f"{chart}.png")
            page.close()
        browser.close()
    for one in wrong[:60]:
        print(one, file=sys.stderr)
    if wrong or texts < 100:
        sys.exit(f"{len(wrong)} faults in {texts} texts")
    print(f"{len(VIEWS)} views, {sum(charts.values())} marks in {len(charts)} charts, {texts} texts: nothing fetched, nothing over another")


main(*sys.argv[1:])
