// The one table of providers of embeddings, by name.
import { type EmbeddingShape, keyedShapes } from './embedding-shapes.js';
import { bedrock, vertexai } from './signed-shapes.js';

export const embeddingShapes: ReadonlyMap<string, EmbeddingShape> = new Map(
  Object.entries<EmbeddingShape>({ ...keyedShapes, bedrock, vertexai }),
);
