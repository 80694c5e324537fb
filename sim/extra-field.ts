// A field that comes and goes while a collection is written and read. Each time it comes it has another default, so a value shows of which
// of its lives it is: rows written with it have their version, all others the default, and nothing of an earlier life is ever seen again.
import { FieldLives } from './field-lives.js';
import type { Row } from './rows.js';

export const EXTRA = 'extra';

/** The default of the field in one of its lives. */
export const extraDefault = (life: number): number => -life;

/** A row with what it has in the field. */
export interface RowWithExtra extends Row {
  readonly extra: number | undefined;
}

export class ExtraField extends FieldLives {
  /** By version: the life of the field in which a row was written with it. */
  readonly #writtenIn = new Map<number, number>();

  /** Rows of these versions are sent with the field. @returns whether they are to be: it is certainly there */
  sent(versions: readonly number[]): boolean {
    const { life } = this;
    if (life === undefined) return false;
    for (const version of versions) this.#writtenIn.set(version, life);
    return true;
  }

  /** @param life in which the read began @returns what is wrong */
  problemOf(rows: readonly RowWithExtra[], life: number | undefined): string | undefined {
    // It was changed while the read ran: either may have been answered.
    if (life === undefined || life !== this.life) return undefined;
    for (const { key, version, extra } of rows) {
      const expected = this.#writtenIn.get(version) === life ? version : extraDefault(life);
      if (extra !== expected)
        return `key ${key} version ${version} has ${extra} in the field ${EXTRA}, expected ${expected}`;
    }
    return undefined;
  }
}
