// The declarations that the tests of the typed client work with, and rows of them.
import {
  array,
  bfloat16Vector,
  binaryVector,
  bool,
  collection,
  double,
  float,
  float16Vector,
  floatVector,
  geometry,
  int8,
  int8Vector,
  int16,
  int32,
  int64,
  json,
  sparseVector,
  structArray,
  text,
  timestamptz,
  varchar,
} from '#client/connect.js';

const DIM = 8;

export interface Meta {
  readonly lang: string;
  readonly big?: bigint;
  readonly pages?: readonly number[];
}

export const books = collection('books', {
  id: int64().primaryKey(),
  title: varchar(200),
  price: double(),
  stock: int32().nullable(),
  ok: bool().default(true),
  tags: array(varchar(64), 16),
  at: timestamptz().nullable(),
  meta: json<Meta>().nullable(),
  v: floatVector(DIM).index({ type: 'HNSW', metric: 'COSINE', params: { M: 8, efConstruction: 64 } }),
});

/** A field of every type. */
export const everything = collection('everything', {
  id: varchar(32).primaryKey(),
  a: bool(),
  b: int8(),
  c: int16(),
  d: int32(),
  e: int64(),
  f: float(),
  g: double(),
  h: varchar(100),
  i: text().nullable(),
  j: json<unknown>(),
  k: array(int64(), 8),
  l: array(bool(), 8).nullable(),
  m: geometry(),
  n: timestamptz(),
  o: structArray(
    {
      page: int64(),
      word: varchar(20),
      emb: floatVector(4).index({ metric: 'MAX_SIM_COSINE', type: 'HNSW' }),
    },
    8,
  ),
  v32: floatVector(4),
  v16: float16Vector(4),
  b16: bfloat16Vector(4),
  v8: int8Vector(4),
});

/** The vectors for which `everything` has no room: a collection has so many at most. */
export const others = collection(
  'others',
  {
    id: int64().autoId(),
    shop: varchar(16).partitionKey(),
    bits: binaryVector(16).index({ metric: 'HAMMING' }),
    sparse: sparseVector(),
    maybe: floatVector(4).nullable(),
  },
  { dynamic: true },
);

/** Vectors whose direction is their number, so that the nearest of `v(5)` is 5, then 4 and 6. */
export const v = (n: number): Float32Array =>
  Float32Array.from({ length: DIM }, (_, at) =>
    at === 0 ? Math.cos(n / 50) : at === 1 ? Math.sin(n / 50) : 0,
  );

export const book = (n: number) => ({
  id: BigInt(n),
  title: `title ${n}`,
  price: n / 2,
  stock: n % 3 === 0 ? null : n,
  tags: n % 2 === 0 ? ['even', `n${n}`] : ['odd'],
  at: new Date(Date.UTC(2025, 0, 1 + n)),
  meta: { lang: n % 2 === 0 ? 'en' : 'de', big: 2n ** 60n + BigInt(n), pages: [n, n + 1] },
  v: v(n),
});
