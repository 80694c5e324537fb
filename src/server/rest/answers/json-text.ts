// Answers as JSON text. int64 is written as the client asked: as a number, exactly, or as text for those that read numbers as doubles.

/** Text that is JSON already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Answer =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonText
  | readonly Answer[]
  | { readonly [key: string]: Answer | undefined };

/** @param value a number only where it is exact */
export const int64Text = (value: bigint | number, asText: boolean): string =>
  asText ? `"${value}"` : String(value);

/** @param int64AsText whether int64 values become strings */
export function jsonText(value: Answer, int64AsText: boolean): string {
  if (typeof value === 'bigint') return int64Text(value, int64AsText);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof JsonText) return value.text;
  if (isList(value)) return listText(value, int64AsText);
  let text = '{';
  for (const key of Object.keys(value)) {
    const one = value[key];
    if (one === undefined) continue;
    text += `${text.length === 1 ? '' : ','}${JSON.stringify(key)}:${jsonText(one, int64AsText)}`;
  }
  return `${text}}`;
}

function listText(list: readonly Answer[], int64AsText: boolean): string {
  let text = '[';
  for (const [at, one] of list.entries()) text += `${at === 0 ? '' : ','}${jsonText(one, int64AsText)}`;
  return `${text}]`;
}

const isList = (value: object): value is readonly Answer[] => Array.isArray(value);
