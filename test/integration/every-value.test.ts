// Every value of every type goes in through the real client and comes out equal: from memory, from files, after a stop, and after SIGKILL.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { type ServerProcess, startServer, stopServer } from './server-process.js';
import { connect, mustSucceed, randomOf, tempFolder, until, vectorOf } from './support.js';

const ROWS = 64;
const INT64 = [
  '0',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '-9007199254740993',
];
const DOUBLES = [0, -0, 1.5, -1e308, 5e-324, Number.MAX_VALUE, Number.NaN, Infinity, -Infinity, 2 ** 53 + 2];
const FLOATS = [0, -0, 1.5, 1e-45, 3.4028234663852886e38, Number.NaN, Infinity, -Infinity].map(Math.fround);
const TEXTS = [
  '',
  ' ',
  'a\0b',
  'quote \' and " and \\',
  'ünï ☃ \u{1f600}',
  '\u2028\ufeff',
  'é'.repeat(32_767),
  'null',
];
const JSONS: readonly unknown[] = [
  {},
  [],
  0,
  -1.5,
  true,
  'text \u{1f600}',
  { a: { b: [1, { c: null }], '': [], 'k.e["y\'': [[[]]] } },
  { __proto__x: 1, constructor: { prototype: 1 } },
  { big: 'x'.repeat(60_000) },
  JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`),
];
const TIMES = [
  ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ['2024-02-29T12:00:00.000001+08:00', '2024-02-29T04:00:00.000001Z'],
] as const;
const PLACES = [
  ['POINT (1 -2.5)', 'POINT (1 -2.5)'],
  ['LINESTRING(0 0,1e-9 1e9)', 'LINESTRING (0 0, 1e-9 1000000000)'],
  [
    'POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 1))',
    'POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))',
  ],
  ['GEOMETRYCOLLECTION EMPTY', 'GEOMETRYCOLLECTION EMPTY'],
] as const;

/** Values of a type as they are sent, and as they come back where that differs. */
interface Kind {
  readonly field: object;
  readonly values: readonly unknown[];
  readonly back?: (value: unknown) => unknown;
}

const array = (element_type: DataType, values: readonly unknown[], more: object = {}): Kind => ({
  field: { data_type: DataType.Array, element_type, max_capacity: 4096, ...more },
  values: [
    [],
    values,
    values.slice(0, 1),
    Array.from({ length: 4096 }, (_, at) => values[at % values.length]),
  ],
});
const short = TEXTS.filter((text) => text.length < 100);
const kinds: Readonly<Record<string, Kind>> = {
  bool: { field: { data_type: DataType.Bool }, values: [true, false] },
  int8: { field: { data_type: DataType.Int8 }, values: [-128, 127, 0] },
  int16: { field: { data_type: DataType.Int16 }, values: [-32_768, 32_767, 0] },
  int32: { field: { data_type: DataType.Int32 }, values: [-(2 ** 31), 2 ** 31 - 1, 0] },
  int64: { field: { data_type: DataType.Int64 }, values: INT64 },
  float: { field: { data_type: DataType.Float }, values: FLOATS.filter(Number.isFinite) },
  double: { field: { data_type: DataType.Double }, values: DOUBLES.filter(Number.isFinite) },
  varchar: { field: { data_type: DataType.VarChar, max_length: 65_535 }, values: TEXTS },
  json: { field: { data_type: DataType.JSON }, values: JSONS },
  time: {
    field: { data_type: DataType.Timestamptz },
    values: TIMES.map(([sent]) => sent),
    back: (value) => TIMES.find(([sent]) => sent === value)?.[1],
  },
  place: {
    field: { data_type: DataType.Geometry },
    values: PLACES.map(([sent]) => sent),
    back: (value) => PLACES.find(([sent]) => sent === value)?.[1],
  },
  bools: array(DataType.Bool, [true, false]),
  int8s: array(DataType.Int8, [-128, 127]),
  int16s: array(DataType.Int16, [-32_768, 32_767]),
  int32s: array(DataType.Int32, [-(2 ** 31), 2 ** 31 - 1]),
  int64s: array(DataType.Int64, INT64),
  floats: array(DataType.Float, FLOATS),
  doubles: array(DataType.Double, DOUBLES),
  texts: array(DataType.VarChar, short, { max_length: 100 }),
};
const names = Object.keys(kinds);
const defaults: Readonly<Record<string, unknown>> = {
  with_int: '-7',
  with_text: 'ünï',
  with_double: 0.5,
  with_bool: true,
};

const fields = [
  { name: 'id', data_type: DataType.VarChar, max_length: 64, is_primary_key: true },
  { name: 'team', data_type: DataType.Int64, is_partition_key: true },
  { name: 'vector', data_type: DataType.FloatVector, dim: 4 },
  { name: 'bits', data_type: DataType.BinaryVector, dim: 16 },
  { name: 'bytes', data_type: DataType.Int8Vector, dim: 4, nullable: true },
  ...names.map((name) => ({ name, ...kinds[name]?.field })),
  ...names.map((name) => ({ name: `null_${name}`, nullable: true, ...kinds[name]?.field })),
  { name: 'with_int', data_type: DataType.Int64, default_value: '-7' },
  { name: 'with_text', data_type: DataType.VarChar, max_length: 16, default_value: 'ünï' },
  { name: 'with_double', data_type: DataType.Double, default_value: 0.5, nullable: true },
  { name: 'with_bool', data_type: DataType.Bool, default_value: true },
];

const keyOf = (at: number): string => `${'é'.repeat(at % 3)} key ${String(at).padStart(3, '0')}`;

/** Each value of each type in some row, and chance for the rest. */
function rowsOf(
  seed: number,
): { readonly sent: Record<string, unknown>; readonly back: Record<string, unknown> }[] {
  const random = randomOf(seed);
  const below = (count: number): number => Math.floor(((random() + 1) / 2) * count) % count;
  return Array.from({ length: ROWS }, (_, at) => {
    const own = {
      id: keyOf(at),
      team: String(at % 5),
      vector: vectorOf(at, 4),
      bits: [at, 255 - at],
      bytes: at % 3 === 0 ? null : [-128, 127, at, -at],
    };
    const [sent, back]: [Record<string, unknown>, Record<string, unknown>] = [{ ...own }, { ...own }];
    for (const [name, { values, back: backOf = (value: unknown) => value }] of Object.entries(kinds)) {
      // The long ones in few rows: a message has a bound.
      const value = values[at < values.length ? at : below(Math.min(values.length, 3))];
      sent[name] = value;
      back[name] = backOf(value);
      const isNull = at % 4 === below(4);
      sent[`null_${name}`] = isNull ? null : values[below(3) % values.length];
      back[`null_${name}`] = isNull ? null : backOf(sent[`null_${name}`]);
    }
    for (const [name, value] of Object.entries(defaults)) {
      back[name] = value;
      if (at % 2 === 0) continue;
      sent[name] = null;
    }
    return { sent, back };
  });
}

/** -0, NaN and infinities stay what they are, which JSON and `toEqual` do not see. */
const exact = (value: unknown): unknown => {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : `number ${value}`;
  if (Array.isArray(value)) return value.map(exact);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, exact(one)]));
};

async function readAll(client: MilvusClient): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  const rows = await until('the collection is served', async () => {
    const answer = await client.query({ collection_name: 'all', filter: 'id >= ""', output_fields: ['*'] });
    return answer.status.code === 0 && answer.data.length === ROWS ? answer.data : undefined;
  });
  return new Map(rows.map((row) => [String(row.id), row]));
}

test('every value of every type comes out as it went in', { timeout: 120_000 }, async () => {
  const folder = await tempFolder();
  let server: ServerProcess = await startServer(folder.path);
  let client = await connect(server.address);
  const rows = rowsOf(Number(process.env.VALUES_SEED ?? 28));
  const again = async (signal: NodeJS.Signals): Promise<void> => {
    await client.closeConnection();
    await stopServer(server, signal);
    server = await startServer(folder.path);
    client = await connect(server.address);
  };
  const check = async (when: string): Promise<void> => {
    const found = await readAll(client);
    for (const { back } of rows) {
      const row = found.get(String(back.id)) ?? {};
      for (const [name, value] of Object.entries(back))
        expect(exact(row[name]), `${when}: ${name} of ${JSON.stringify(back.id)}`).toEqual(exact(value));
    }
  };
  try {
    await mustSucceed(
      client.createCollection({
        collection_name: 'all',
        fields: fields as never,
        num_partitions: 4,
        shards_num: 2,
      } as never),
    );
    const indexes = [
      ['vector', 'FLAT', 'L2'],
      ['bits', 'BIN_FLAT', 'HAMMING'],
      ['bytes', 'HNSW', 'L2'],
    ] as const;
    for (const [field_name, index_type, metric_type] of indexes)
      await mustSucceed(client.createIndex({ collection_name: 'all', field_name, index_type, metric_type }));
    await client.loadCollectionSync({ collection_name: 'all' });
    const write = (begin: number, end: number) =>
      mustSucceed(
        client.insert({
          collection_name: 'all',
          data: rows.slice(begin, end).map(({ sent }) => sent) as never,
        }),
      );
    await write(0, ROWS / 2);
    await client.flushSync({ collection_names: ['all'] });
    await write(ROWS / 2, ROWS);
    // Keys of the server's own, as text, beside a clustering key and two kinds of vectors.
    const auto = [
      { name: 'id', data_type: DataType.VarChar, max_length: 32, is_primary_key: true, autoID: true },
      { name: 'vector', data_type: DataType.FloatVector, dim: 4 },
      { name: 'half', data_type: DataType.Float16Vector, dim: 2 },
      { name: 'n', data_type: DataType.Int64, is_clustering_key: true },
    ];
    await mustSucceed(client.createCollection({ collection_name: 'auto', fields: auto as never }));
    for (const field_name of ['vector', 'half'])
      await mustSucceed(
        client.createIndex({ collection_name: 'auto', field_name, index_type: 'FLAT', metric_type: 'L2' }),
      );
    await client.loadCollectionSync({ collection_name: 'auto' });
    const numbers = Array.from({ length: 20 }, (_, n) => ({
      vector: vectorOf(n, 4),
      half: [n, -0.5],
      n: String(n),
    }));
    const inserted = await client.insert({ collection_name: 'auto', data: numbers as never });
    const ids = 'str_id' in inserted.IDs ? inserted.IDs.str_id.data.map(String) : [];
    expect(new Set(ids).size).toBe(20);
    const checkAuto = async (): Promise<void> => {
      const found = await until('the collection of automatic keys is served', async () => {
        const answer = await client.query({
          collection_name: 'auto',
          filter: 'n >= 0',
          output_fields: ['*'],
        });
        return answer.status.code === 0 ? answer.data : undefined;
      });
      const wanted = numbers.map((row, at) => ({ id: ids[at], ...row }));
      expect([...found].sort((a, b) => Number(a.n) - Number(b.n))).toEqual(wanted);
    };
    await checkAuto();
    await check('half in files');
    await again('SIGKILL');
    await check('after a kill');
    await checkAuto();
    await client.flushSync({ collection_names: ['all'] });
    await again('SIGTERM');
    await check('after a stop');
    await checkAuto();
  } finally {
    await client.closeConnection();
    await stopServer(server, 'SIGKILL');
    await folder.remove();
  }
});
