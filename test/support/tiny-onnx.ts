// A model in ONNX that has a vector for each piece, as its writer would write it, and a stand-in for the package that runs it.
import { TINY_DIM, tinyVectors } from './tiny-model.js';

type Field = readonly [number: number, value: number | string | Uint8Array];

const utf8 = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return [...bytes, left];
}

/** A message of protobuf: numbers as varints, everything else by its length. */
function message(...fields: readonly Field[]): Uint8Array {
  const bytes = fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number * 8), ...varint(value)];
    const content = typeof value === 'string' ? utf8.encode(value) : value;
    return [...varint(number * 8 + 2), ...varint(content.length), ...content];
  });
  return Uint8Array.from(bytes);
}

const FLOAT = 1;
const INT64 = 7;

function valueInfo(name: string, type: number, dims: readonly (number | string)[]): Uint8Array {
  const shape = message(...dims.map((dim): Field => [1, message([typeof dim === 'number' ? 1 : 2, dim])]));
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}

/** A model that makes of each piece its row in a table. @param inputs names of what it takes, of which the first counts */
export function tinyOnnx(
  inputs: readonly string[] = ['input_ids', 'attention_mask', 'token_type_ids'],
): Uint8Array {
  const rows = tinyVectors.length / TINY_DIM;
  const raw = new Uint8Array(tinyVectors.buffer, tinyVectors.byteOffset, tinyVectors.byteLength);
  const table = message([1, rows], [1, TINY_DIM], [2, FLOAT], [8, 'table'], [9, raw]);
  const [ids = ''] = inputs;
  const gather = message([1, 'table'], [1, ids], [2, 'last_hidden_state'], [4, 'Gather']);
  const graph = message(
    [1, gather],
    [2, 'tiny'],
    [5, table],
    ...inputs.map((name): Field => [11, valueInfo(name, INT64, ['batch', 'sequence'])]),
    [12, valueInfo('last_hidden_state', FLOAT, ['batch', 'sequence', TINY_DIM])],
  );
  return message([1, 8], [7, graph], [8, message([2, 13])]);
}

/** What `onnxruntime-web` says and makes of the model above; anything that is not this model cannot be opened. */
export function onnxStandIn(
  change: { readonly inputNames?: readonly string[]; readonly dims?: readonly number[] } = {},
) {
  class Tensor {
    readonly type: string;
    readonly data: unknown;
    readonly dims: readonly number[];
    constructor(type: string, data: unknown, dims: readonly number[]) {
      [this.type, this.data, this.dims] = [type, data, dims];
    }
  }
  const { inputNames = ['input_ids', 'attention_mask', 'token_type_ids'] } = change;
  const session = {
    inputNames,
    outputNames: ['last_hidden_state'],
    async run({ input_ids: ids }: Readonly<Record<string, Tensor>>) {
      const rows = [...((ids?.data ?? []) as BigInt64Array)].map(Number);
      const data = Float32Array.from({ length: rows.length * TINY_DIM }, (_, at) =>
        Number(tinyVectors[Number(rows[Math.floor(at / TINY_DIM)]) * TINY_DIM + (at % TINY_DIM)]),
      );
      const dims = change.dims ?? [1, rows.length, TINY_DIM];
      return { last_hidden_state: new Tensor('float32', data, dims) };
    },
  };
  return {
    env: { wasm: {} },
    Tensor,
    InferenceSession: {
      async create(model: Uint8Array) {
        if (model.length !== tinyOnnx().length) throw new Error('protobuf parsing failed');
        return session;
      },
    },
  };
}
