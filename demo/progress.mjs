// What the demo shows on the terminal: a progress bar, a spinner, a table. When standard output is not a terminal, only final lines are written.
const { stdout } = process;
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
export const count = (value) => Math.round(value).toLocaleString('en-US');
const redraw = (text) => stdout.write(`\r\x1b[2K${text}`);
/** True while the last line on the terminal is one that will be drawn again. */
let isDrawing = false;
export function say(text = '') {
  if (isDrawing) redraw('');
  isDrawing = false;
  stdout.write(`${text}\n`);
}

function draw(text) {
  isDrawing = true;
  redraw(text.slice(0, (stdout.columns ?? 120) - 1)); // A line that wraps could not be drawn again.
}

/** Shows how far something is; call with a fraction from 0 to 1 and a note, then `done` with the last line. */
export function progressBar(label) {
  let shownAt = 0;
  return {
    show(fraction, note) {
      if (!stdout.isTTY || Date.now() - shownAt < 100) return;
      shownAt = Date.now();
      draw(
        `  ${label} [${'█'.repeat(Math.round(fraction * 30)).padEnd(30, '░')}] ${Math.floor(fraction * 100)} % ${note}`,
      );
    },
    done: say,
  };
}

/** A line that shows how long something has been running; returns the function that ends it. */
export function spinner(label) {
  const begin = Date.now();
  if (!stdout.isTTY) say(`  ${label} ...`);
  const timer = stdout.isTTY
    ? setInterval(() => draw(`  ${label} ... ${seconds(Date.now() - begin)}`), 200)
    : undefined;
  return () => {
    clearInterval(timer);
    say(`  ${label}: ${seconds(Date.now() - begin)}`);
  };
}

export function table(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  for (const [name, value, note = ''] of rows)
    say(`  ${name.padEnd(width)}  ${value.padStart(valueWidth)}  ${note}`.trimEnd());
}
