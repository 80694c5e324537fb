// What is used of the package `onnxruntime-web`, which users install: ONNX in WebAssembly, so that a file that is no model harms nothing but itself.
// It is loaded in worker threads alone, when the first text asks for a model, and starts no threads of its own.
import { ElanusError, messageOf } from '#base/errors.js';
import { memberOf, textPackage } from '#text/text-packages.js';

const PACKAGE = 'onnxruntime-web';

/** A tensor of the package. */
interface OnnxTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release?(): Promise<void>;
}

interface OnnxRuntime {
  readonly env: { logLevel?: string; readonly wasm: { numThreads?: number } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array, dims: readonly number[]) => OnnxTensor;
}

function isRuntime(value: unknown): value is OnnxRuntime {
  return (
    typeof memberOf(memberOf(value, 'InferenceSession'), 'create') === 'function' &&
    typeof memberOf(value, 'Tensor') === 'function' &&
    typeof memberOf(memberOf(value, 'env'), 'wasm') === 'object'
  );
}

/** @throws unsupported, with what to install */
function onnxRuntime(): OnnxRuntime {
  const loaded = textPackage(PACKAGE, 'a model in ONNX');
  if (!isRuntime(loaded))
    throw new ElanusError(
      'unsupported',
      `the package ${PACKAGE} has no InferenceSession, Tensor and env.wasm; install another version of it`,
    );
  loaded.env.wasm.numThreads = 1;
  loaded.env.logLevel = 'error';
  return loaded;
}

/** @throws unsupported, data_corrupt */
export async function openSession(model: Uint8Array): Promise<OnnxSession> {
  const runtime = onnxRuntime();
  try {
    return await runtime.InferenceSession.create(model, { executionProviders: ['wasm'] });
  } catch (cause) {
    throw new ElanusError(
      'data_corrupt',
      `model.onnx: cannot be opened (${messageOf(cause)}); take a model that ${PACKAGE} runs, without files beside it`,
      { cause },
    );
  }
}

/** Whole numbers as a tensor of one row. */
export function rowOf(numbers: readonly number[]): OnnxTensor {
  const { Tensor } = onnxRuntime();
  return new Tensor('int64', BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
}
