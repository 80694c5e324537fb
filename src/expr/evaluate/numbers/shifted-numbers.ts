// Times moved by calendar months: the day of the month stays, and runs over into the next where the month is too short for it.
import type { FixedView } from '#expr/evaluate/column-view.js';
import { maskNulls, type RowBits, type Rows } from '#expr/evaluate/rows.js';
import { EXACT_MAX, NumberBlock } from './number-vector.js';

const DAY_MICROS = 86_400_000_000n;

/** Days since 1970 in the proleptic Gregorian calendar. The year begins in March, so that a leap day is its last. */
function daysOf(year: number, month: number, day: number): number {
  const y = month < 3 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

function shiftDays(days: number, months: number): number {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month < 3 ? 1 : 0);
  const total = year * 12 + month - 1 + months;
  return daysOf(Math.floor(total / 12), total - Math.floor(total / 12) * 12 + 1, 1) + day - 1;
}

/** Microseconds since 1970, moved; not cut to 64 bits. */
function shiftTime(micros: bigint, months: number, more: bigint): bigint {
  let days = micros / DAY_MICROS;
  if (days * DAY_MICROS > micros) days--;
  return BigInt(shiftDays(Number(days), months)) * DAY_MICROS + (micros - days * DAY_MICROS) + more;
}

export class ShiftedTimes extends NumberBlock {
  readonly cost = 60;
  readonly #view: FixedView & { readonly form: 'int64' };
  readonly #months: number;
  readonly #micros: bigint;

  constructor(view: FixedView & { readonly form: 'int64' }, months: number, micros: bigint) {
    super();
    this.#view = view;
    this.#months = months;
    this.#micros = micros;
  }

  load(rows: Rows): void {
    this.take(this.#view, rows);
    const { doubles } = this;
    if (this.isWide) {
      for (let i = 0; i < rows.count; i++)
        this.wide[i] = shiftTime(this.wide[i] as bigint, this.#months, this.#micros);
      return;
    }
    // A shift leaves doubles exact unless it is of millions of years.
    this.min = -EXACT_MAX;
    this.max = EXACT_MAX;
    for (let i = 0; i < rows.count; i++) {
      const shifted = shiftTime(BigInt(doubles[i] as number), this.#months, this.#micros);
      this.isWide ||= shifted < -EXACT_MAX || shifted > EXACT_MAX;
      this.wide[i] = shifted;
      doubles[i] = Number(shifted);
    }
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}
