// Rows as data brings them and tests seldom do: a few far longer than the rest, dims of very different scale, copies, clusters one after the
// other. What an index finds among them is compared with an exact search.
import { nextFloat, seededRandom } from '#base/random.js';

export interface UnevenFamily {
  readonly name: string;
  readonly dim: number;
  make(rows: number, seed: number): Float32Array;
}

type Draw = () => number;
export function drawsOf(seed: number): { uniform: Draw; gauss: Draw } {
  const random = seededRandom(seed);
  const uniform = (): number => nextFloat(random);
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, gauss };
}

/** @param value of a dim of a row, in order */
function filled(rows: number, dim: number, value: (row: number, d: number) => number): Float32Array {
  const out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) for (let d = 0; d < dim; d++) out[row * dim + d] = value(row, d);
  return out;
}

/** A family of rows that differ by a factor each. */
function scaled(
  name: string,
  dim: number,
  factorOf: (draw: { uniform: Draw; gauss: Draw }) => number,
): UnevenFamily {
  return {
    name,
    dim,
    make(rows, seed) {
      const draw = drawsOf(seed);
      let factor = 1;
      return filled(rows, dim, (_, d) => {
        if (d === 0) factor = factorOf(draw);
        return draw.gauss() * factor;
      });
    },
  };
}

const outliers = (share: number, factor: number): UnevenFamily =>
  scaled(`${share * 100} % x ${factor}`, 16, ({ uniform }) => (uniform() < share ? factor : 1));

/** A family whose dims differ by a factor each, in all rows. */
function dims(name: string, dim: number, scaleOf: (d: number) => number, shift = 0): UnevenFamily {
  return {
    name,
    dim,
    make(rows, seed) {
      const { gauss } = drawsOf(seed);
      return filled(rows, dim, (_, d) => gauss() * scaleOf(d) + shift);
    },
  };
}

/** @param share of rows that are copies of one of `sources` rows */
function copies(share: number, sources: number): UnevenFamily {
  return {
    name: `${share * 100} % copies of ${sources}`,
    dim: 16,
    make(rows, seed) {
      const { uniform, gauss } = drawsOf(seed);
      const out = filled(rows, 16, () => gauss());
      for (let row = sources; row < rows; row++) {
        if (uniform() >= share) continue;
        const source = Math.floor(uniform() * sources);
        out.copyWithin(row * 16, source * 16, source * 16 + 16);
      }
      return out;
    },
  };
}

/** Half around one point, a quarter around another a hundred times as wide, a quarter uniform in a large box. */
function mixture(name: string, dim: number): UnevenFamily {
  return {
    name,
    dim,
    make(rows, seed) {
      const { uniform, gauss } = drawsOf(seed);
      return filled(rows, dim, (row) =>
        row % 4 < 2 ? gauss() : row % 4 === 2 ? 50 + 100 * gauss() : 1000 * (uniform() - 0.5),
      );
    },
  };
}

function clusters(name: string, count: number, spread: number, isSorted: boolean): UnevenFamily {
  return {
    name,
    dim: 24,
    make(rows, seed) {
      const { gauss } = drawsOf(seed);
      const centres = filled(count, 24, () => gauss());
      return filled(rows, 24, (row, d) => {
        const cluster = isSorted ? Math.floor((row * count) / rows) : row % count;
        return (centres[cluster * 24 + d] as number) * spread + gauss();
      });
    },
  };
}

export const unevenFamilies: readonly UnevenFamily[] = [
  dims('even', 32, () => 1),
  ...[10, 100, 1e3, 1e6].map((factor) => outliers(0.01, factor)),
  ...[30, 1e3, 1e6].map((factor) => outliers(0.005, factor)),
  outliers(0.1, 30),
  dims('one dim x 1000', 16, (d) => (d === 0 ? 1000 : 1)),
  dims('dims over six decades', 12, (d) => 10 ** (d / 2 - 3)),
  dims('far from the origin', 16, () => 1, 10_000),
  dims('constant dims', 24, (d) => (d % 2 === 0 ? 0 : 1), 3),
  dims('tiny', 16, () => 1e-15),
  dims('huge', 16, () => 1e15),
  dims('squares underflow', 16, () => 1e-25),
  dims('denormal', 16, () => 1e-41),
  dims('squares overflow', 16, () => 1e21),
  dims('all equal', 16, () => 0, 3),
  scaled('lengths lognormal', 24, ({ gauss }) => Math.exp(2 * gauss())),
  scaled('lengths student t 2', 16, ({ gauss }) => 1 / Math.sqrt((gauss() ** 2 + gauss() ** 2) / 2)),
  scaled('zero among', 16, ({ uniform }) => (uniform() < 0.05 ? 0 : 1)),
  copies(0.5, 400),
  copies(0.8, 3),
  copies(0.99, 1),
  mixture('mixture of scales', 16),
  clusters('clusters sorted', 40, 4, true),
  clusters('clusters far apart, sorted', 40, 60, true),
];
/** @throws when there is none of that name */
export function familyNamed(name: string): UnevenFamily {
  const family = unevenFamilies.find((one) => one.name === name);
  if (family === undefined) throw new Error(`no family is named ${name}`);
  return family;
}

/** Queries drawn like the rows; of copies and clusters, whose centres a seed decides, the last rows themselves. */
export function freshQueries(family: UnevenFamily, rows: Float32Array, count: number): Float32Array {
  if (/copies|clusters/.test(family.name)) return rows.slice(-count * family.dim);
  return family.make(count, 8);
}
