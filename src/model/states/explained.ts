// What an operation that has not ended waits for, as the roles that run it say it: by name, and since when.
import { ElanusError } from '#base/errors.js';

export const operationKinds = ['flush', 'import', 'load', 'index', 'compaction'] as const;
export type OperationKind = (typeof operationKinds)[number];

export const isOperationKind = (text: string): text is OperationKind =>
  (operationKinds as readonly string[]).includes(text);

/** @throws invalid_parameter */
export function parseOperationKind(text: string): OperationKind {
  if (isOperationKind(text)) return text;
  throw new ElanusError(
    'invalid_parameter',
    `kind ${JSON.stringify(text.slice(0, 64))} is no kind of operation, expected one of ${operationKinds.join(', ')}: invalid parameter`,
  );
}

/** What something waits for, and since when in wall-clock ms. */
export interface Wait {
  readonly waitsFor: string;
  readonly sinceMs: number;
}

export interface Explained extends Wait {
  readonly collectionId: bigint;
  readonly what: string;
  readonly state: string;
  /** Percent; undefined: not known. */
  readonly progress?: number | undefined;
}

const OPERATIONS_MAX = 1000;

/** The answer of a role: those that wait longest come first, and are kept when there are too many. */
export function explanation(kind: OperationKind, all: readonly Explained[]) {
  const operations = [...all]
    .sort((a, b) => a.sinceMs - b.sinceMs)
    .slice(0, OPERATIONS_MAX)
    .map(({ progress, sinceMs, ...one }) => ({
      ...one,
      kind,
      sinceMs: BigInt(Math.trunc(sinceMs)),
      progress: progress === undefined ? -1 : Math.trunc(progress),
    }));
  return { operations, leftOut: BigInt(all.length - operations.length) };
}

export const timeText = (ms: number): string => new Date(ms).toISOString();
