// What a graph index is to be built of and how.
import type { Crc32, IndexParameter } from '#index/block/index-block.js';
import type { ExactVectors, IndexRegion } from '#index/block/vector-index.js';
import type { CodeForm } from '#index/graph/codes/graph-codes.js';
import type { GraphPqSpec } from '#index/graph/pq/graph-pq-layout.js';

export interface GraphSpec {
  readonly indexType: string;
  readonly metric: 'L2' | 'IP' | 'COSINE';
  readonly elementType: string;
  readonly dim: number;
  /** Rows of the segment; those in `without` have no vector and no node. */
  readonly rowCount: number;
  readonly without?: Uint8Array;
  /** M: links of a node in an upper layer; layer 0 has twice as many. 2 to 2,048. */
  readonly degree: number;
  readonly efConstruction: number;
  /** `fitting`: the shortest that distinguishes neighbours. */
  readonly form: CodeForm | 'fitting';
  /** A quantised graph: records with codes of the neighbours take the place of codes and lists of layer 0. Its form is SQ8. */
  readonly bits?: 1 | 2;
  /** Product codes take the place of those of a form. */
  readonly pq?: GraphPqSpec;
  /** Rows are scored by the codes: the block says the node of each row too, where that is not its number. */
  readonly isScored?: boolean;
  /** Records in a file hold the vectors, one for each node: a vector is read as it is in the first of its rows. */
  readonly isPaged?: boolean;
  /** Room for what searches of each level need, which is learned when the block is there. */
  readonly learnsLevels?: boolean | undefined;
  readonly params: Readonly<Record<string, IndexParameter>>;
  readonly seed?: number;
  /** Threads that insert; 1 makes the graph the same each time. */
  readonly threads?: number;
}

export interface BuildOptions {
  readonly signal?: AbortSignal;
  /** Share done, 0 to 1. */
  readonly onProgress?: (done: number) => void;
  /** The runtime's own: a block of hundreds of megabytes is summed on the calling thread. */
  readonly crc32?: Crc32;
}

/** The vectors of a segment, in their region. */
export interface SourceVectors<Region extends IndexRegion> {
  readonly region: Region;
  readonly place: ExactVectors;
}

/** The rows that have a vector, in ascending order. */
export function presentRows({ rowCount, without }: GraphSpec): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++)
    if (((without?.[row >> 3] ?? 0) & (1 << (row & 7))) === 0) rows[count++] = row;
  return rows.slice(0, count);
}
