// Whether the file of an lmdb catalog is whole, before lmdb maps it: a page that the file does not have ends the process with a signal, without
// a word. Reads every page that is in use, and looks for what is certainly damage only; the layout is that of lmdb's mdb.c.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ElanusError } from '#base/errors.js';

const MAGIC = 0xbeefc0de;
const META_BYTES = 24 + 24 + 2 * 48 + 16;
const HEADER_BYTES = 24;
const PAGE_BYTES_MAX = 65_536;
const NO_ROOT = 2n ** 64n - 1n;
const isBranch = 1;
const isLeaf = 2;
const isOverflow = 4;
const isLeafOfFixedValues = 0x20;
const isOverflowData = 1;
const isNestedTree = 2;

/** What a meta page says: the tree of free pages and the main tree as of one commit. */
interface Snapshot {
  readonly version: number;
  readonly pageBytes: number;
  readonly roots: readonly bigint[];
}

/**
 * A folder without the file, or with an empty one, is fine: lmdb makes it. Two commits are kept, and lmdb may go back to the older one after a
 * loss of power, so the file is damaged only if neither is whole.
 * @throws data_corrupt naming the file and the page; nothing was changed
 */
export function checkLmdbFile(folder: string): void {
  const file = path.join(folder, 'data.mdb');
  if (!fs.existsSync(file)) return;
  const handle = fs.openSync(file, 'r');
  try {
    const fault = faultOf(handle, fs.fstatSync(handle).size);
    if (fault === undefined) return;
    throw new ElanusError(
      'data_corrupt',
      `catalog ${JSON.stringify(file)} is damaged: ${fault}; restore meta/ from a copy of the same moment as the rest; nothing was changed`,
    );
  } finally {
    fs.closeSync(handle);
  }
}

function faultOf(handle: number, fileBytes: number): string | undefined {
  if (fileBytes === 0) return undefined;
  const first = readSnapshot(handle, 0);
  if (first === undefined) return `its first page is not that of a catalog (file of ${fileBytes} bytes)`;
  // A page size of no lmdb is not for us to judge, nor is a layout that we do not know.
  if (first.version !== 1 && first.version !== 2) return undefined;
  if (first.pageBytes < 512 || first.pageBytes > PAGE_BYTES_MAX) return undefined;
  const second = readSnapshot(handle, first.pageBytes);
  const faults = [first, second].map(
    (snapshot) => snapshot && new Walk(handle, fileBytes, first.pageBytes).fault(snapshot.roots),
  );
  if (second === undefined) return faults[0];
  return faults[0] === undefined || faults[1] === undefined ? undefined : faults[0];
}

function readSnapshot(handle: number, at: number): Snapshot | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (
    fs.readSync(handle, bytes, 0, META_BYTES, at) < META_BYTES ||
    bytes.readUInt32LE(HEADER_BYTES) !== MAGIC
  )
    return undefined;
  const tree = (index: number): number => HEADER_BYTES + 24 + 48 * index;
  return {
    version: bytes.readUInt32LE(HEADER_BYTES + 4) & 0xff,
    pageBytes: bytes.readUInt32LE(tree(0)),
    roots: [bytes.readBigUInt64LE(tree(0) + 40), bytes.readBigUInt64LE(tree(1) + 40)],
  };
}

/** Walks along the pages of trees; each page of the file once at most. */
class Walk {
  readonly #handle: number;
  readonly #fileBytes: number;
  readonly #pageBytes: number;
  readonly #seen = new Set<bigint>();
  #todo: bigint[] = [];

  constructor(handle: number, fileBytes: number, pageBytes: number) {
    this.#handle = handle;
    this.#fileBytes = fileBytes;
    this.#pageBytes = pageBytes;
  }

  fault(roots: readonly bigint[]): string | undefined {
    this.#todo = roots.filter((root) => root !== NO_ROOT);
    for (let page = this.#todo.pop(); page !== undefined; page = this.#todo.pop()) {
      if (this.#seen.has(page)) continue;
      this.#seen.add(page);
      const fault = this.#visit(page);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #visit(page: bigint): string | undefined {
    const bytes = Buffer.alloc(this.#pageBytes);
    const at = page * BigInt(this.#pageBytes);
    if (at + BigInt(HEADER_BYTES) > BigInt(this.#fileBytes))
      return `page ${page} lies behind its end (file of ${this.#fileBytes} bytes)`;
    fs.readSync(this.#handle, bytes, 0, this.#pageBytes, Number(at));
    const number = bytes.readBigUInt64LE(0);
    if (number !== page) return `page ${page} says that it is page ${number}`;
    const flags = bytes.readUInt16LE(18);
    if ((flags & isOverflow) !== 0) return this.#overflowFault(page, bytes.readUInt32LE(20));
    if ((flags & (isBranch | isLeaf)) === 0 || (flags & isLeafOfFixedValues) !== 0) return undefined;
    const count = bytes.readUInt16LE(20) >> 1;
    for (let index = 0; index < count; index++) {
      const pointer = HEADER_BYTES + 2 * index;
      const node = pointer + 2 <= bytes.length ? HEADER_BYTES + bytes.readUInt16LE(pointer) : bytes.length;
      if (node + 8 > bytes.length) return `entry ${index} of page ${page} lies outside the page`;
      const next = (flags & isBranch) !== 0 ? branchOf(bytes, node) : leafReference(bytes, node);
      if (next === 'outside') return `entry ${index} of page ${page} lies outside the page`;
      if (next !== undefined && next !== NO_ROOT) this.#todo.push(next);
    }
    return undefined;
  }

  /** A long value takes several pages; the file may end within the last one. */
  #overflowFault(page: bigint, count: number): string | undefined {
    const lastBegin = (page + BigInt(count) - 1n) * BigInt(this.#pageBytes);
    return lastBegin < BigInt(this.#fileBytes)
      ? undefined
      : `a value of ${count} pages from page ${page} on lies behind its end`;
  }
}

function branchOf(page: Buffer, node: number): bigint {
  return BigInt(page.readUInt32LE(node)) | (BigInt(page.readUInt16LE(node + 4)) << 32n);
}

/** The page that a leaf's entry points to: of a long value, or the root of a nested tree. */
function leafReference(page: Buffer, node: number): bigint | 'outside' | undefined {
  const flags = page.readUInt16LE(node + 4);
  const data = node + 8 + page.readUInt16LE(node + 6);
  const at = (flags & isNestedTree) !== 0 ? data + 40 : (flags & isOverflowData) !== 0 ? data : undefined;
  if (at === undefined) return undefined;
  return at + 8 <= page.length ? page.readBigUInt64LE(at) : 'outside';
}
