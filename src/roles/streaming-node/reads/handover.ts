// What of a view stays as it is although a target has something else in its place. Compacted segments and what they were made of change places
// in one turn, all of a kinship or nothing: a row must be read on one side, once. Pure.

export interface Replaced {
  /** Reads at an earlier time need the segment. */
  readonly readableFrom: bigint;
  /** Where its rows are; what is itself replaced leads on. */
  readonly compactedTo: readonly bigint[];
}

export interface HandoverView {
  /** Segments that are read now and that the target does not name, as they were replaced. */
  readonly leaving: readonly bigint[];
  readonly replaced: ReadonlyMap<bigint, Replaced>;
  /** Segments of the target that cannot be served. */
  readonly missing: Iterable<bigint>;
  /** Whether someone reads at a time before this one. */
  readonly isHeldBefore: (timestamp: bigint) => boolean;
}

export interface HeldBack {
  /** These are read on. */
  readonly sources: ReadonlySet<bigint>;
  /** These, which have the same rows, are not read yet. */
  readonly heirs: ReadonlySet<bigint>;
}

export function heldBack({ leaving, replaced, missing, isHeldBefore }: HandoverView): HeldBack {
  const sources = new Set<bigint>();
  const heirs = new Set(missing);
  const kin = leaving.map((id) => ({ id, heirs: heirsOf(id, replaced) }));
  // The newest that someone needs decides: whatever was replaced by then, and its heirs lost rows before.
  for (const { id } of kin) if (isHeldBefore(neededUntil(id, replaced))) sources.add(id);
  for (let before = -1; before !== sources.size + heirs.size; ) {
    before = sources.size + heirs.size;
    for (const { id, heirs: own } of kin) {
      if (!sources.has(id) && !own.some((heir) => heirs.has(heir))) continue;
      sources.add(id);
      for (const heir of own) heirs.add(heir);
    }
  }
  return { sources, heirs };
}

/** Segments of the target that have rows of this one. */
export function heirsOf(id: bigint, replaced: ReadonlyMap<bigint, Replaced>): readonly bigint[] {
  const by = replaced.get(id);
  return by === undefined ? [id] : [...new Set(by.compactedTo.flatMap((heir) => heirsOf(heir, replaced)))];
}

/** A read at an earlier time would miss rows in what takes its place. */
function neededUntil(id: bigint, replaced: ReadonlyMap<bigint, Replaced>): bigint {
  const by = replaced.get(id);
  if (by === undefined) return 0n;
  return by.compactedTo
    .map((heir) => neededUntil(heir, replaced))
    .reduce((newest, one) => (one > newest ? one : newest), by.readableFrom);
}
