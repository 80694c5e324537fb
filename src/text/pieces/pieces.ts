// From a text to the numbers of pieces that a model knows: what tokenizers have in common.

/** Which pieces of a text count: its first ones or its last ones. */
export interface PiecesCut {
  readonly most: number;
  readonly keeps: 'first' | 'last';
}

export interface Pieces {
  /** Numbers of the pieces, those around a text not among them. */
  pieces(text: string, cut: PiecesCut): number[];
  /** The median length of the pieces, in characters. */
  readonly medianLength: number;
}

export interface PiecesOptions {
  /** What has no piece is the one for what is unknown; otherwise it is left out. */
  readonly keepsUnknown: boolean;
}
