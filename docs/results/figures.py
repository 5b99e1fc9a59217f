"""Puts figures of a report page side by side into one SVG file.

    python docs/results/figures.py PAGE OUT.svg COLUMNS TITLE=HEADING ...

PAGE is a report.html or the page of `valleys compare --html`. TITLE is the title of a figure, such as "train loss on triangle
0-1-2, fit uniform-1"; `TITLE#2` is the second figure with this title. HEADING stands above it.
"""

import html
import re
import sys

page_file, out, columns, *wanted = sys.argv[1:]
page, columns = open(page_file, encoding="utf-8").read(), int(columns)
style = re.search(r"<style>\s*(svg.*?)</style>", page, re.S) or re.search(r"<style>(.*?)</style>", page, re.S)
# Only the rules of figures: the second part is the layout of the page.
style = style.group(1).split(":root{color-scheme")[0]
figures = {}
for figure in re.findall(r"<svg\b.*?</svg>", page, re.S):
    title = re.search(r"<title[^>]*>(.*?)</title>", figure, re.S)
    if title:
        figures.setdefault(html.unescape(title.group(1)), []).append(figure)

cells = []
for item in wanted:
    title, heading = item.split("=", 1)
    title, _, number = title.partition("#")
    if title not in figures:
        raise SystemExit(f"no figure {title!r}; there are: " + "; ".join(sorted(figures)))
    figure = figures[title][int(number or 1) - 1]
    box = [float(x) for x in re.search(r'viewBox="([^"]*)"', figure).group(1).split()]
    cells.append((heading, figure, box[2], box[3]))

width, gap, head = max(cell[2] for cell in cells), 16, 22
body, y = [], 0
for row in (cells[i : i + columns] for i in range(0, len(cells), columns)):
    for number, (heading, figure, own_width, own_height) in enumerate(row):
        x = number * (width + gap)
        body.append(f'<text x="{x + 8}" y="{y + 15}" class="heading">{html.escape(heading)}</text>')
        place = f'x="{x}" y="{y + head}" width="{own_width}" height="{own_height}" '
        body.append(figure.replace("<svg ", f"<svg {place}", 1))
    y += head + max(cell[3] for cell in row) + gap
total = columns * (width + gap) - gap
heading_style = "text.heading{font:600 13px system-ui,sans-serif;fill:#1b1b1f}svg{background:#fff}"
with open(out, "w", encoding="utf-8") as file:
    file.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:g} {y:g}">'
        f'<style>{style}{heading_style}</style><rect width="{total:g}" height="{y:g}" fill="#fff"/>'
        + "\n".join(body)
        + "</svg>\n"
    )
