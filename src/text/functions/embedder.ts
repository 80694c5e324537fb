// What functions of type TextEmbedding ask for: vectors of texts. Who makes them, a service outside or a model here, is the matter of whoever
// implements it; whoever asks gets bytes as columns have them.
import type { FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';

export interface EmbeddingRequest {
  readonly made: Pick<FunctionSchema, 'name' | 'params'>;
  /** The field that gets the vectors. */
  readonly output: FieldSchema;
  /** None of them is empty. */
  readonly texts: readonly string[];
  /** Whether the texts are those of rows, or are searched for: models distinguish them. */
  readonly mode: 'rows' | 'search';
  /** Rows of files, of which there may be any number. */
  readonly isBulk?: boolean;
}

/** Who waits for the vectors: its signal, and its deadline where it has one. */
export interface EmbeddingCaller {
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
}

export interface Embedder {
  /**
   * @returns the vectors one after another, in the order of the texts, in the encoding of the field
   * @throws ElanusError function_failed, provider_unavailable, invalid_parameter, cancelled, deadline_exceeded
   */
  embed(request: EmbeddingRequest, caller: EmbeddingCaller): Promise<Uint8Array>;
}

/** An embedder for one request of a client: what it asked for once, it does not ask for again when the request begins anew. */
export function remembering(embedder: Embedder): Embedder {
  const known = new Map<string, Uint8Array>();
  return {
    async embed(request, caller) {
      const { texts, output, made, mode } = request;
      const keyOf = (text: string): string => `${output.fieldID} ${mode} ${made.name} ${text}`;
      const missing = [...new Set(texts)].filter((text) => !known.has(keyOf(text)));
      let width = 0;
      if (missing.length > 0) {
        const vectors = await embedder.embed({ ...request, texts: missing }, caller);
        width = vectors.length / missing.length;
        for (const [at, text] of missing.entries())
          known.set(keyOf(text), vectors.subarray(at * width, (at + 1) * width));
      }
      const all = texts.map((text) => known.get(keyOf(text)) ?? new Uint8Array(0));
      const joined = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const vector of all) {
        joined.set(vector, at);
        at += vector.length;
      }
      return joined;
    },
  };
}
