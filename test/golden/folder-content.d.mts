export const INDEXED_ROWS: number;
export const LOGGED_ROWS: number;
export function floats(key: number, salt: number, dim?: number): number[];
export function scalarsOf(key: number, version: number): Record<string, unknown>;
export function expectedRows(): Map<number, number>;
interface GoldenIndex {
  readonly name: string;
  readonly index_type: string;
  readonly metric_type: string;
}
export const floatIndexes: readonly GoldenIndex[];
export const otherIndexes: readonly (GoldenIndex & {
  readonly vectorOf: (key: number) => number[] | Record<number, number>;
})[];
