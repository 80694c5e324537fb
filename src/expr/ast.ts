// The syntax tree of a filter: what was written and where, before anybody knows the schema. `parse/` makes it, `check/` reads it.
// Names are not looked up, templates are not bound, nothing is folded. Plain data, so that trees compare with `toEqual`.

/** Characters of the text that a node was read from, half-open. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** One step behind a name: `["key"]`, `[0]`, or `[inner]` of a struct. */
export type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'member'; readonly name: string };

export type ComparisonOp = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** `**` is a power; `&`, `|`, `^`, `<<`, `>>` work on integers. */
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '**' | '<<' | '>>' | '&' | '|' | '^';
export type MatchOp = 'like' | '=~' | '!~';

/** Something written out in the text. A negative number is a `unary` over one. */
export type LiteralNode = Span &
  (
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'int'; readonly value: bigint }
    | { readonly kind: 'double'; readonly value: number }
    /** Escapes are resolved, but for `\%` and `\_`, which only `like` understands. */
    | { readonly kind: 'string'; readonly value: string }
    /** `ISO '…'` and `INTERVAL '…'`, not yet read. */
    | { readonly kind: 'iso'; readonly text: string }
    | { readonly kind: 'interval'; readonly text: string }
  );

/** Lists of plain values have no node a value, so that a million of them stay cheap. `ints` is in the order written, signs applied. */
export type ListNode = Span &
  (
    | { readonly kind: 'ints'; readonly values: BigInt64Array }
    | { readonly kind: 'strings'; readonly values: readonly string[] }
    | { readonly kind: 'list'; readonly elements: readonly Node[] }
  );

/** A field, a dynamic key, or a path into one of them. */
export type PathNode = Span & {
  readonly kind: 'path';
  readonly name: string;
  readonly steps: readonly Step[];
};
/** `$`, and `$[inner]`: the current element, or a member of it, inside `element_filter` and `match_…`. */
export type CurrentNode = Span & { readonly kind: 'current'; readonly member: string | undefined };

export type Node =
  | LiteralNode
  | ListNode
  | PathNode
  | CurrentNode
  /** `{name}` */
  | (Span & { readonly kind: 'template'; readonly name: string })
  /** `~` is the complement of bits. */
  | (Span & { readonly kind: 'unary'; readonly op: '+' | '-' | '~'; readonly operand: Node })
  | (Span & {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: Node;
      readonly right: Node;
    })
  | (Span & {
      readonly kind: 'compare';
      readonly op: ComparisonOp;
      readonly left: Node;
      readonly right: Node;
    })
  /** `1 < a <= 9`: both signs point the same way. */
  | (Span & {
      readonly kind: 'chain';
      readonly first: Node;
      readonly firstOp: ComparisonOp;
      readonly middle: Node;
      readonly lastOp: ComparisonOp;
      readonly last: Node;
    })
  | (Span & { readonly kind: 'match'; readonly op: MatchOp; readonly operand: Node; readonly pattern: Node })
  | (Span & { readonly kind: 'in'; readonly negated: boolean; readonly operand: Node; readonly list: Node })
  | (Span & { readonly kind: 'is-null'; readonly negated: boolean; readonly operand: Node })
  | (Span & { readonly kind: 'exists'; readonly operand: Node })
  | (Span & { readonly kind: 'not'; readonly operand: Node })
  /** Two or more operands: a run of `and`s is one node, however long, so it never nests. */
  | (Span & { readonly kind: 'and' | 'or'; readonly operands: readonly Node[] })
  /** `name` is in lower case. */
  | (Span & {
      readonly kind: 'call';
      readonly name: string;
      readonly args: readonly Node[];
      /** `name=value` behind the arguments. */
      readonly options: readonly (Span & { readonly name: string; readonly value: Node })[];
    });
