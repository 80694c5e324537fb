// The header of a NumPy file (.npy, versions 1 to 3): type of the elements, and the shape. Everything else in it is refused with a reason:
// what is pickled would be a program, and other orders of bytes or of axes are somebody else's layout.
import { ElanusError } from '#base/errors.js';

export interface NpyHeader {
  /** Letter and bytes, as `f4`; `U` and `S` have their length in characters and bytes. */
  readonly kind: string;
  readonly size: number;
  readonly shape: readonly number[];
  /** Where the elements begin. */
  readonly dataBegin: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** A longer header than any that says a type and a shape. */
export const NPY_HEADER_BYTES_MAX = 64 * 1024;

const failed = (text: string): ElanusError => new ElanusError('import_failed', text);

/** @param bytes the begin of the file, at most NPY_HEADER_BYTES_MAX. @throws import_failed */
export function parseNpyHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < 12 || MAGIC.some((byte, at) => bytes[at] !== byte))
    throw failed('is no NumPy file, expected one that numpy.save wrote');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] as number;
  if (major < 1 || major > 3) throw failed(`is NumPy format ${major}, expected 1 to 3`);
  const begin = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > NPY_HEADER_BYTES_MAX - begin || begin + length > bytes.length)
    throw failed(`has a header of ${length} bytes, which is not there; write the file again`);
  const text = new TextDecoder('latin1').decode(bytes.subarray(begin, begin + length));
  return { ...typeOf(text), shape: shapeOf(text), dataBegin: begin + length };
}

function typeOf(text: string): { readonly kind: string; readonly size: number } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  if (descr === undefined) throw failed('has records of several types, expected one type of elements');
  const [, order = '', kind = '', size = ''] = /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr) ?? [];
  if (kind === 'O')
    throw failed(
      'has pickled Python objects, expected plain values; save it with a type such as float32 or str',
    );
  if (order === '>') throw failed(`has elements of type ${descr}, expected little-endian ones`);
  if (kind === '') throw failed(`has elements of the unknown type ${descr}`);
  return { kind, size: Number(size) };
}

function shapeOf(text: string): number[] {
  if (/'fortran_order'\s*:\s*True/.test(text) && (shapeNumbers(text)?.length ?? 0) > 1)
    throw failed('has its values in Fortran order, expected C order; save numpy.ascontiguousarray of it');
  const shape = shapeNumbers(text);
  if (shape === undefined || shape.length < 1 || shape.length > 2)
    throw failed(`has ${shape?.length ?? 'no'} axes, expected rows, or rows and elements of vectors`);
  return shape;
}

function shapeNumbers(text: string): number[] | undefined {
  const inside = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  const shape = inside
    ?.split(',')
    .map((part) => part.replace('L', '').trim())
    .filter((part) => part !== '')
    .map(Number);
  return shape?.every((length) => Number.isSafeInteger(length)) ? shape : undefined;
}
