// usearch: its own HNSW in C++. Its JavaScript interface fixes ef in the constructor, so a change of width loads the index again (not
// counted), and has no filter.
import { loadRival } from '../../rivals.mjs';
import { graphParameters, graphWidths } from '../parameters.mjs';

const version = '2.26.2';
const metrics = { L2: 'l2sq', IP: 'ip', COSINE: 'cos' };

function usearch(name, quantization) {
  const newIndex = ({ dim, metric }, ef) =>
    new (loadRival('usearch', version).Index)({
      dimensions: dim,
      metric: metrics[metric],
      quantization,
      multi: false,
      connectivity: graphParameters.M,
      expansion_add: graphParameters.efConstruction,
      expansion_search: ef,
    });
  return {
    name,
    version,
    isExtra: quantization !== 'f32',
    parameters: { ...graphParameters, quantization },
    isInstalled: () => loadRival('usearch', version) !== undefined,
    buildThreads: [1, 2],
    widthName: 'ef',
    widths: graphWidths,
    async build(set, { file, threads, timed }) {
      const index = newIndex(set, 64);
      const keys = BigUint64Array.from({ length: set.rows }, (_, row) => BigInt(row));
      await timed(() => index.add(keys, set.base, threads));
      index.save(file);
    },
    open(set, { file }) {
      let index;
      let isFor;
      return {
        /** Before a turn: the one index that is in memory has the ef of that turn. */
        prepare(ef) {
          if (isFor === ef) return;
          index = undefined;
          globalThis.gc?.();
          index = newIndex(set, ef);
          index.load(file);
          isFor = ef;
        },
        search: (query, k) => Array.from(index.search(query, k, 1).keys, Number),
      };
    },
  };
}

export const engines = [usearch('usearch', 'f32'), usearch('usearch-i8', 'i8')];
