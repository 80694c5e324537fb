// Draws recall against queries per second, one SVG per data set, from the JSON of run.mjs.
// node bench/ann/plot.mjs FILE.json [folder, default docs/plots]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Ours in blues and greens, the others in warm colours and greys; their marks differ as well.
const ourColours = ['#1d4ed8', '#0891b2', '#15803d', '#7c3aed', '#4d7c0f', '#0f766e', '#6366f1'];
const theirColours = ['#dc2626', '#ea580c', '#a16207', '#be185d', '#6b7280'];
const frame = { width: 860, height: 480, left: 76, right: 236, top: 56, bottom: 58 };
const RECALL_MIN = 0.7;
/** Recall is stretched towards 1, where the differences are: the axis is -log(1.004 - recall). */
const stretch = (recall) => -Math.log(1.004 - recall);

export const loadReport = (file) => JSON.parse(readFileSync(file, 'utf8'));
/** @returns names of the files, one per set */
export function writePlots(report, folder) {
  mkdirSync(folder, { recursive: true });
  return report.sets.map((set) => {
    const name = `ann-${set.key}.svg`;
    writeFileSync(join(folder, name), draw(set, report));
    return name;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , input, folder = fileURLToPath(new URL('../../docs/plots', import.meta.url))] = process.argv;
  if (input === undefined) {
    console.error('usage: node bench/ann/plot.mjs FILE.json [folder]');
    process.exit(2);
  }
  for (const name of writePlots(loadReport(input), folder)) console.log(join(folder, name));
}

function draw(set, report) {
  const engines = set.engines
    .map((engine) => ({
      ...engine,
      points: engine.points.filter((point) => point && point.recall >= RECALL_MIN),
    }))
    .filter(({ points }) => points.length > 0);
  let [mine, theirs] = [0, 0];
  const series = engines.map((engine) => ({
    ...engine,
    colour: engine.ours
      ? ourColours[mine++ % ourColours.length]
      : theirColours[theirs++ % theirColours.length],
  }));
  const all = series.flatMap(({ points }) => points);
  const rates = all.map(({ cpuQps }) => cpuQps);
  const low = 10 ** Math.floor(Math.log10(Math.min(...rates)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...rates)));
  const recallLow = Math.max(RECALL_MIN, Math.floor(Math.min(...all.map(({ recall }) => recall)) * 20) / 20);
  const { width, height, left, right, top, bottom } = frame;
  const x = (recall) =>
    left +
    ((stretch(recall) - stretch(recallLow)) / (stretch(1) - stretch(recallLow))) * (width - left - right);
  const y = (rate) =>
    height - bottom - (Math.log10(rate / low) / Math.log10(high / low)) * (height - top - bottom);
  const text = (at, content, extra = '') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${extra}>${escaped(content)}</text>`;
  const line = (from, to, stroke) =>
    `<line x1="${from[0].toFixed(1)}" y1="${from[1].toFixed(1)}" x2="${to[0].toFixed(1)}" y2="${to[1].toFixed(1)}" stroke="${stroke}"/>`;
  const parts = [];
  for (let decade = low; decade <= high; decade *= 10) {
    for (const step of [1, 2, 5]) {
      const rate = decade * step;
      if (rate > high) continue;
      parts.push(line([left, y(rate)], [width - right, y(rate)], step === 1 ? '#d1d5db' : '#eef0f3'));
      if (step === 1 || high / low <= 1000) {
        parts.push(
          text([left - 8, y(rate) + 4], rate.toLocaleString('en-US'), 'text-anchor="end" class="tick"'),
        );
      }
    }
  }
  for (const recall of [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1].filter(
    (one) => one >= recallLow - 1e-9,
  )) {
    parts.push(
      line(
        [x(recall), top],
        [x(recall), height - bottom],
        [0.9, 0.95, 0.99].includes(recall) ? '#d1d5db' : '#eef0f3',
      ),
    );
    if (recall !== 0.98)
      parts.push(
        text([x(recall), height - bottom + 18], String(recall), 'text-anchor="middle" class="tick"'),
      );
  }
  for (const { points, colour, ours } of series) {
    const path = points
      .map(({ recall, cpuQps }) => `${x(recall).toFixed(1)},${y(cpuQps).toFixed(1)}`)
      .join(' ');
    if (points.length > 1)
      parts.push(
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${ours ? 2.4 : 1.8}"/>`,
      );
    for (const { recall, cpuQps } of points) parts.push(mark(x(recall), y(cpuQps), colour, ours));
  }
  series.forEach(({ name, version, colour, ours }, i) => {
    const at = [width - right + 22, top + 10 + i * 22];
    parts.push(
      `<line x1="${at[0]}" y1="${at[1]}" x2="${at[0] + 26}" y2="${at[1]}" stroke="${colour}" stroke-width="${ours ? 2.4 : 1.8}"/>`,
    );
    parts.push(
      mark(at[0] + 13, at[1], colour, ours),
      text([at[0] + 34, at[1] + 4], ours ? name : `${name} ${version}`, 'class="label"'),
    );
  });
  const middle = (height - bottom + top) / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
<title>Recall and queries per second: ${set.name}, ${set.rows.toLocaleString('en-US')} vectors, ${set.dim} dims, ${set.metric}</title>
<style>.tick{font-size:11px;fill:#4b5563}.label{font-size:12.5px;fill:#111827}.title{font-size:16px;font-weight:600;fill:#111827}.note{font-size:11.5px;fill:#6b7280}</style>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text([left, 24], `${set.name}: ${set.rows.toLocaleString('en-US')} vectors, ${set.dim} dims, ${set.metric}`, 'class="title"')}
${text([left, 43], `k = ${report.k}, one caller, median of ${report.rounds} rounds in turn; up and to the right is better`, 'class="note"')}
${parts.join('\n')}
${text([(left + width - right) / 2, height - 16], `recall@${report.k}`, 'text-anchor="middle" class="label"')}
${text([18, middle], 'queries per CPU second', `text-anchor="middle" class="label" transform="rotate(-90 18 ${middle})"`)}
</svg>
`;
}

/** Ours: discs; others: squares. */
function mark(x, y, colour, ours) {
  if (ours) return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.6" fill="${colour}"/>`;
  return `<rect x="${(x - 3).toFixed(1)}" y="${(y - 3).toFixed(1)}" width="6" height="6" fill="#ffffff" stroke="${colour}" stroke-width="1.6"/>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
