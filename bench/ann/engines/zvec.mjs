// zvec: Alibaba's embedded database in C++. Documents with string ids go in and out; the graph is made by `optimize`, which takes the
// number of threads. Filters are booleans with an inverted index.
import { loadRival } from '../../rivals.mjs';
import { graphParameters } from '../parameters.mjs';
import { PASS_SHARES, passColumn, passingRows } from '../sets.mjs';

const version = '0.7.0';
const load = () => loadRival('@zvec/zvec', version);
const CHUNK = 500;

export const engines = [
  {
    name: 'zvec',
    version,
    parameters: { ...graphParameters, index: 'HNSW' },
    isInstalled: () => load() !== undefined,
    buildThreads: [1, 2],
    widthName: 'ef',
    widths: [16, 32, 64, 128, 256, 512],
    async build(set, { file, threads, timed }) {
      const zvec = load();
      zvec.ZVecInitialize({ logLevel: zvec.ZVecLogLevel.ERROR });
      const { ZVecDataType: type, ZVecIndexType: kind } = zvec;
      const { M: m, efConstruction } = graphParameters;
      const schema = new zvec.ZVecCollectionSchema({
        name: 'rows',
        vectors: {
          name: 'vector',
          dataType: type.VECTOR_FP32,
          dimension: set.dim,
          indexParams: {
            indexType: kind.HNSW,
            metricType: zvec.ZVecMetricType[set.metric],
            m,
            efConstruction,
          },
        },
        fields: PASS_SHARES.map((share) => ({
          name: passColumn(share),
          dataType: type.BOOL,
          indexParams: { indexType: kind.INVERT },
        })),
      });
      const collection = zvec.ZVecCreateAndOpen(file, schema);
      const passing = PASS_SHARES.map((share) => ({
        name: passColumn(share),
        ...passingRows(set.rows, share),
      }));
      const passes = (row) =>
        Object.fromEntries(
          passing.map(({ name, passing: bits }) => [name, (bits[row >> 3] & (1 << (row & 7))) !== 0]),
        );
      for (let begin = 0; begin < set.rows; begin += CHUNK) {
        const documents = [];
        for (let row = begin; row < Math.min(begin + CHUNK, set.rows); row++) {
          documents.push({
            id: String(row),
            vectors: { vector: set.base.slice(row * set.dim, (row + 1) * set.dim) },
            fields: passes(row),
          });
        }
        const bad = collection.insertSync(documents).find(({ ok }) => !ok);
        if (bad) throw new Error(`insert: ${bad.code} ${bad.message}`);
      }
      await timed(() => collection.optimizeSync({ concurrency: threads }));
      collection.closeSync();
    },
    open(_set, { file }) {
      const zvec = load();
      zvec.ZVecInitialize({ logLevel: zvec.ZVecLogLevel.ERROR, queryThreads: 1 });
      const collection = zvec.ZVecOpen(file, { readOnly: true });
      const indexType = zvec.ZVecIndexType.HNSW;
      const search = (query, topk, ef, filter) =>
        collection
          .querySync({
            fieldName: 'vector',
            vector: query,
            topk,
            outputFields: [],
            params: { indexType, ef },
            ...(filter && { filter }),
          })
          .map(({ id }) => Number(id));
      return {
        search: (query, k, ef) => search(query, k, ef),
        filtered: (query, k, ef, { share }) => search(query, k, ef, `${passColumn(share)} = true`),
      };
    },
  },
];
