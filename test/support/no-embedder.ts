// For collections without functions that ask services.
import type { Embedder } from '#text/functions/embedder.js';

export const noEmbedder: Embedder = {
  embed: () => Promise.reject(new Error('a service was asked, expected none')),
};
