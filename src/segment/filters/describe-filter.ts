// How a filter was evaluated over a segment, as explain shows it: what named candidates, how many it was thought to name and how many it named,
// what was read from columns, and how long all of it took.
import type { Leaf, Operand, Predicate } from '#expr/typed.js';
import type { Candidates, FilterPlan } from './filter-plan.js';
import type { PlanResult } from './run-plan.js';

interface FilterRun extends PlanResult {
  readonly plan: FilterPlan;
  /** When the bits were made; a filter that is asked again takes them as they are. */
  readonly tookMs: number;
}

/** One node of the tree. */
interface FilterNode {
  readonly [key: string]: string | number | boolean | readonly FilterNode[];
}

/** Plain values alone: whoever keeps it keeps no index alive that was given up. */
export interface ExplainedFilter {
  readonly rows: number;
  readonly estimated: number;
  readonly passing: number;
  readonly scanned: number;
  readonly ms: number;
  readonly tree: FilterNode;
}

export function describeFilter(run: FilterRun): ExplainedFilter {
  const { plan, rowCount, passing, scanned, found, tookMs } = run;
  const { candidates, residual } = plan;
  const named = candidates && nodeOf(candidates, found);
  const scan = residual && { scan: textOf(residual), rows: scanned, passing };
  const tree: FilterNode =
    named !== undefined && scan !== undefined ? { and: [named, scan] } : (named ?? scan ?? { all: true });
  const estimated = candidates?.estimated ?? rowCount;
  return { rows: rowCount, estimated, passing, scanned, ms: Math.round(tookMs * 1000) / 1000, tree };
}

function nodeOf(candidates: Candidates, found: ReadonlyMap<Candidates, number>): FilterNode {
  const counted = { estimated: Math.ceil(candidates.estimated), found: found.get(candidates) ?? 0 };
  switch (candidates.kind) {
    case 'skipped':
      return { by: `skipped by ${candidates.by}`, asks: leafText(candidates.leaf), ...counted, exact: true };
    case 'source':
      return {
        by: candidates.source.name,
        asks: candidates.isNegated ? `not (${leafText(candidates.leaf)})` : leafText(candidates.leaf),
        ...counted,
        exact: candidates.isExact,
      };
    case 'blocks':
      return { by: candidates.blocks.name, asks: leafText(candidates.leaf), ...counted, exact: false };
    case 'and':
    case 'or':
      return { [candidates.kind]: candidates.parts.map((part) => nodeOf(part, found)), ...counted };
  }
}

/** Longer ones are cut. */
const TEXT_MAX = 400;

function textOf(predicate: Predicate): string {
  const text = predicateText(predicate);
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
}

function predicateText(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'constant':
      return String(predicate.value);
    case 'and':
    case 'or':
      return predicate.operands
        .map((one) =>
          one.kind === 'and' || one.kind === 'or' ? `(${predicateText(one)})` : predicateText(one),
        )
        .join(` ${predicate.kind} `);
    case 'not':
      return `not (${leafText(predicate.operand)})`;
    default:
      return leafText(predicate);
  }
}

/** What is asked, without the constants: these may be long, and are in the filter. */
function leafText(leaf: Leaf): string {
  switch (leaf.kind) {
    case 'compare':
      return `${operandText(leaf.operand)} ${leaf.op}`;
    case 'range':
      return `${operandText(leaf.operand)} range`;
    case 'compare-operands':
      return `${operandText(leaf.left)} ${leaf.op} ${operandText(leaf.right)}`;
    case 'in':
    case 'member':
    case 'like':
    case 'regex':
    case 'words':
      return `${operandText(leaf.operand)} ${leaf.kind}`;
    case 'contains':
      return `${operandText(leaf.operand)} contains ${leaf.mode}`;
    case 'exists':
      return `exists ${operandText(leaf.operand)}`;
    case 'is-null':
      return `${leaf.field.name} is ${leaf.negated ? 'not ' : ''}null`;
    case 'spatial':
      return `${leaf.field.name} ${leaf.op}`;
    case 'near':
    case 'valid-geometry':
      return `${leaf.field.name} ${leaf.kind}`;
    case 'match':
      return `match ${leaf.quantifier} of ${leaf.elements.over.name}`;
  }
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'json':
      return operand.field.name + operand.path.map((step) => `[${JSON.stringify(step)}]`).join('');
    case 'element':
      return `${operand.field.name}[${operand.index}]`;
    case 'length':
      return `length of ${operandText(operand.of)}`;
    case 'arithmetic':
      return `${operandText(operand.left)} ${operand.op} ${operandText(operand.right)}`;
    case 'constant':
      return String(operand.value);
    default:
      return operand.field.name;
  }
}
