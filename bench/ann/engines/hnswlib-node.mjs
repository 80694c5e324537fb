// hnswlib-node: hnswlib behind N-API. Vectors go in and out as number[]; one thread; ef is set per search; a filter is a callback that
// hnswlib asks about every row it visits.
import { loadRival } from '../../rivals.mjs';
import { filterWidths, graphParameters, graphWidths } from '../parameters.mjs';

const version = '3.0.0';
const spaces = { L2: 'l2', IP: 'ip', COSINE: 'cosine' };
const newIndex = ({ dim, metric }) =>
  new (loadRival('hnswlib-node', version).HierarchicalNSW)(spaces[metric], dim);

export const engines = [
  {
    name: 'hnswlib-node',
    version,
    parameters: graphParameters,
    isInstalled: () => loadRival('hnswlib-node', version) !== undefined,
    buildThreads: [1],
    widthName: 'ef',
    widths: graphWidths,
    filterWidths,
    async build(set, { file, timed }) {
      const { base, dim, rows } = set;
      const index = newIndex(set);
      await timed(() => {
        index.initIndex(rows, graphParameters.M, graphParameters.efConstruction, 100);
        for (let row = 0; row < rows; row++)
          index.addPoint(Array.from(base.subarray(row * dim, (row + 1) * dim)), row);
      });
      index.writeIndexSync(file);
    },
    open(set, { file }) {
      const index = newIndex(set);
      index.readIndexSync(file);
      return {
        search(query, k, ef) {
          index.setEf(ef);
          return index.searchKnn(Array.from(query), k).neighbors;
        },
        filtered(query, k, ef, { passing }) {
          index.setEf(ef);
          return index.searchKnn(Array.from(query), k, (row) => (passing[row >> 3] & (1 << (row & 7))) !== 0)
            .neighbors;
        },
      };
    },
  },
];
