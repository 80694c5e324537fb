// The tokenizer of a model, by its `tokenizer.json`: WordPiece as BERT has it is built in, others are run by a package that users install.
import { ElanusError } from '#base/errors.js';
import { PackagePieces } from './package-pieces.js';
import type { Pieces, PiecesOptions } from './pieces.js';
import { isBertTokenizer, WordPieces } from './word-pieces.js';

/** @throws unsupported, data_corrupt */
export function piecesOf(tokenizer: Uint8Array, options: PiecesOptions): Pieces {
  const root = parsed(tokenizer);
  return isBertTokenizer(root) ? new WordPieces(root, options) : new PackagePieces(root, options);
}

function parsed(file: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const root: unknown = JSON.parse(new TextDecoder().decode(file.slice()));
    if (typeof root === 'object' && root !== null && !Array.isArray(root))
      return root as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new ElanusError(
    'data_corrupt',
    'tokenizer.json: is no JSON object; take the file from its source again',
  );
}
