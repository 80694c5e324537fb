// Tensors of a file in the safetensors format: 8 bytes with the length of a header, the header as JSON, then the bytes of the tensors, little-endian.
// Format: huggingface/safetensors. What does not fit is refused; nothing in the file is run.
import { ElanusError } from '#base/errors.js';

export interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const HEADER_BYTES_MAX = 16 * 1024 * 1024;

function corrupt(text: string): never {
  throw new ElanusError('data_corrupt', `model.safetensors: ${text}; take the file from its source again`);
}

/** Views of the file, by name. @throws data_corrupt */
export function readTensors(file: Uint8Array): ReadonlyMap<string, Tensor> {
  if (file.length < 8) corrupt(`has ${file.length} bytes, expected a header`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(HEADER_BYTES_MAX, file.length - 8)))
    corrupt(`says that its header has ${headerBytes} bytes, which is more than there are or may be`);
  const begin = 8 + Number(headerBytes);
  const header = parsed(file.slice(8, begin));
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    tensors.set(name, tensorOf(name, entry, file.subarray(begin)));
  }
  return tensors;
}

/** Names of the tensor with a vector for each piece. */
const EMBEDDINGS = ['embeddings', 'embedding.weight'];

/** Whether this is a file of static embeddings; not where it is damaged. */
export function hasEmbeddings(file: Uint8Array): boolean {
  try {
    const tensors = readTensors(file);
    return EMBEDDINGS.some((name) => tensors.has(name));
  } catch {
    return false;
  }
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return corrupt('has a header that is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return corrupt('has a header that is no object');
  return value as Readonly<Record<string, unknown>>;
}

const widths: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I8: 1 };

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);

function tensorOf(name: string, entry: unknown, data: Uint8Array): Tensor {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    return corrupt(`tensor ${name} has no type, shape and place`);
  const [from = 0, to = 0] = offsets;
  const width = widths[dtype] ?? corrupt(`tensor ${name} is of type ${dtype}, which is not known`);
  const bytes = shape.reduce((product, size) => product * size, width);
  if (from > to || to > data.length || to - from !== bytes)
    return corrupt(`tensor ${name} has its bytes from ${from} to ${to} of ${data.length}, expected ${bytes}`);
  return { dtype, shape, bytes: data.subarray(from, to) };
}

/** The numbers of a tensor. @throws data_corrupt for a type that has none that fit */
export function floatsOf(name: string, { dtype, bytes }: Tensor): Float32Array {
  // As most files have them: nothing is copied, and threads share them.
  if (dtype === 'F32' && bytes.byteOffset % 4 === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = widths[dtype] ?? 1;
  const read =
    readers[dtype] ?? corrupt(`tensor ${name} is of type ${dtype}, expected F32, F16, BF16, F64 or I8`);
  const floats = new Float32Array(bytes.length / width);
  for (let at = 0; at < floats.length; at++) floats[at] = read(view, at * width);
  return floats;
}

const scratch = new DataView(new ArrayBuffer(4));
const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  F16: (view, at) => half(view.getUint16(at, true)),
  BF16: (view, at) => {
    scratch.setUint32(0, view.getUint16(at, true) << 16);
    return scratch.getFloat32(0);
  },
  I8: (view, at) => view.getInt8(at),
};

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Whole numbers of a tensor of I64 or I32. @throws data_corrupt */
export function integersOf(name: string, { dtype, bytes }: Tensor): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype !== 'I64' && dtype !== 'I32') corrupt(`tensor ${name} is of type ${dtype}, expected I64 or I32`);
  const width = dtype === 'I64' ? 8 : 4;
  const integers = new Uint32Array(bytes.length / width);
  for (let at = 0; at < integers.length; at++)
    integers[at] = width === 8 ? Number(view.getBigInt64(at * 8, true)) : view.getInt32(at * 4, true);
  return integers;
}
