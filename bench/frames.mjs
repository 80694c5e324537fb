// Question: what does it take to bring the query of a graph into its frame and to code it, in this build and in another, and are the bits
// the same? Data: random vectors, shifted by a mean, rotated, of length 1 (COSINE). Prints microseconds of processor time, median of rounds.
//
//     node bench/frames.mjs PATH      (a built checkout to compare)
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { nextFloat, seededRandom } from '../dist/base/random.js';

const [X, MEAN, SIGNS, FRAMED, QUERY] = [0, 8192, 32_768, 65_536, 98_304];
const DIMS = [17, 100, 128, 384, 768];
const ROUNDS = 9;
const CALLS = 10_000;
const roots = [new URL('../', import.meta.url), pathToFileURL(`${process.argv[2] ?? '.'}/`)];

function open(root) {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const module = new WebAssembly.Module(readFileSync(new URL('dist/kernels/graph.wasm', root)));
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports;
  return {
    floats: new Float32Array(memory.buffer),
    frame: (dim) => kernel.toFrame(X, dim, MEAN, SIGNS, 1, FRAMED),
    code: (dim) => kernel.toQuery(FRAMED, dim, Math.ceil(dim / 64) * 64, 7.3, 120, -256, 496, QUERY),
    bits: (dim) => Buffer.from(new Uint8Array(memory.buffer.slice(FRAMED, FRAMED + dim * 4))),
    codes: (dim) => Buffer.from(new Uint8Array(memory.buffer.slice(QUERY, QUERY + dim * 2))),
  };
}

/** Microseconds of this thread a call. */
function micros(run) {
  const before = process.threadCpuUsage();
  for (let i = 0; i < CALLS; i++) run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / CALLS;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1].toFixed(2);
const random = seededRandom(11);
const sides = roots.map(open);
for (const dim of DIMS) {
  let differ = 0;
  for (let at = 0; at < 200; at++) {
    const draw = (count) => Float32Array.from({ length: count }, () => nextFloat(random) - 0.5);
    const [x, mean, signs] = [draw(dim), draw(dim), draw(4 * dim).map((value) => (value < 0 ? -1 : 1))];
    const [mine, other] = sides.map((side) => {
      side.floats.set(x, X / 4);
      side.floats.set(mean, MEAN / 4);
      side.floats.set(signs, SIGNS / 4);
      side.frame(dim);
      side.code(dim);
      return Buffer.concat([side.bits(dim), side.codes(dim)]);
    });
    if (!mine.equals(other)) differ++;
  }
  const times = sides.map(() => ({ frame: [], code: [] }));
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, side] of sides.entries()) {
      times[at].frame.push(micros(() => side.frame(dim)));
      times[at].code.push(micros(() => side.code(dim)));
    }
  const [mine, other] = times.map(({ frame, code }) => `${median(frame)} + ${median(code)} us`);
  console.log(`${dim} dims: frame and code ${mine}, the other ${other}; ${differ} of 200 differ`);
}
