// One fault that is put back: pieces of the built code, and what stands in their place.

/** One replacement in `dist/<file>`. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

export interface Plant {
  readonly what: string;
  readonly edits: readonly Edit[];
  /** The scenario that shows it, where seeds seldom or never draw one that does. */
  readonly scenario?: string;
}

export const edit = (file: string, find: string, put: string): Edit => ({ file, find, put });
export const plant = (what: string, ...edits: readonly Edit[]): Plant => ({ what, edits });

/** A fault that a scenario shows, which is played in every round. */
export const plantFor = (scenario: string, what: string, ...edits: readonly Edit[]): Plant => ({
  ...{ what, edits, scenario },
});
