// The nodes nearest to a query by their codes among those that count: what a search in a disk index reads when few rows count, or when
// a walk did not find enough. A task, as it looks at every node.
import { must } from '#base/assert.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { nearestByCode } from '#index/graph/codes/code-nearest.js';
import { isCodeForm, useCodes } from '#index/graph/codes/graph-codes.js';
import { type GraphKernel, graphKernel } from '#index/graph/codes/graph-kernel.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';
import { DISK_LINKS_MAX, diskWork, sectionPlace } from './disk-index.js';

export interface DiskScanInput {
  readonly index: IndexPlacement;
  /** The query in the form that codes are compared with. */
  readonly query: Uint8Array;
  /** Nodes wanted, the nearest. */
  readonly count: number;
  /** Bit set: the row does not count. */
  readonly excluded?: Uint8Array;
}

interface Context {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread: number;
}

export function diskScan({ index, query, count, excluded }: DiskScanInput, context: Context): Uint32Array {
  const memory = must(context.memories[0], 'memory of the index');
  const { nodes, hasRows } = graphParams(index);
  const kernel = diskKernel(index, memory);
  const work = diskWork(index.dim, vectorBytes(index.elementType as ElementType, index.dim));
  const at = index.workOffset + index.workBytes * context.thread;
  new Uint8Array(memory.buffer, at + work.query, query.length).set(query);
  const rows = hasRows ? new Uint32Array(memory.buffer, sectionPlace(index, 'rows'), nodes) : undefined;
  const places = { query: at + work.query, ids: at + work.ids, keys: at + work.keys };
  let node = 0;
  return nearestByCode(kernel, memory, places, Math.min(count, nodes), DISK_LINKS_MAX, (ids) => {
    let listed = 0;
    for (; node < nodes && listed < ids.length; node++) {
      const row = rows === undefined ? node : (rows[node] as number);
      if (excluded === undefined || ((excluded[row >> 3] ?? 0) & (1 << (row & 7))) === 0)
        ids[listed++] = node;
    }
    return listed;
  });
}

/** The kernel, ready for the codes of this index; it is the only user of its memory. */
export function diskKernel(index: IndexPlacement, memory: WebAssembly.Memory): GraphKernel {
  const { form, codeStride } = graphParams(index);
  const kernel = graphKernel.on(memory);
  useCodes(
    kernel,
    isCodeForm(form) ? form : 'SQ8',
    index.metric === 'IP',
    index.dim,
    sectionPlace(index, 'codes'),
    codeStride,
  );
  return kernel;
}
