// The bytes of a tree of boxes, as docs/formats/scalar-index.md describes them.
import { alignUp } from '#base/bytes.js';
import {
  type BlockKind,
  type Checksum,
  checkRows,
  HEADER_BYTES,
  openBlock,
  putPart,
  sealBlock,
  uint32sAt,
} from './block-bytes.js';
import { BoxTree } from './box-tree.js';

const BOXES: BlockKind = { letters: 'ELSB', magic: 0x42534c45, version: 1 };
const BOX_BYTES = 32;

function layoutOf(entries: number) {
  const boxes = HEADER_BYTES + alignUp(entries * 4, 8);
  return { rows: HEADER_BYTES, boxes, end: boxes + entries * BOX_BYTES };
}

export function encodeBoxTree({ parts }: BoxTree): Uint8Array {
  const { rowCount, rows, boxes } = parts;
  const layout = layoutOf(rows.length);
  const bytes = new Uint8Array(layout.end);
  putPart(bytes, rows, layout.rows);
  putPart(bytes, boxes, layout.boxes);
  return sealBlock(bytes, BOXES, [rowCount, rows.length, 0, 0, 0]);
}

/** Views of the bytes where their address allows it. @throws data_corrupt */
export function decodeBoxTree(from: Uint8Array, checksum?: Checksum): BoxTree {
  const { bytes, numbers } = openBlock(from, BOXES, ([, entries = 0]) => layoutOf(entries).end, checksum);
  const [rowCount = 0, entries = 0] = numbers;
  const layout = layoutOf(entries);
  const rows = uint32sAt(bytes, layout.rows, entries);
  checkRows(rows, rowCount);
  const boxes = new Float64Array(bytes.buffer, bytes.byteOffset + layout.boxes, entries * 4);
  return new BoxTree({ rowCount, rows, boxes });
}
