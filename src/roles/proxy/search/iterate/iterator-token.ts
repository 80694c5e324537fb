// The token of an iterator: a UUID, and behind it where the page ended that it came with. Clients of two kinds send it back. Node's and Go's send
// the token of each page, so that a page may end among hits of one score: the token names the key. pymilvus and Java's keep the token of the first
// page, and only the bound is that of the last. Which kind a client is shows at its third page. Until then a bound that no page can have, a float
// just before the score that the second page begins with, says how far a client has come that keeps its token.
import { ElanusError } from '#base/errors.js';
import { scoreBefore } from '#index/block/score-behind.js';
import type { Key } from '#model/columns/column.js';

/** Where a page ended. */
export interface PageEnd {
  readonly isFirst: boolean;
  /** The bound of the same answer. */
  readonly bound: number;
  /** The score of the next hit, for a first page; the score of the last hit, for others. */
  readonly score: number;
  /** The key of the last hit, where more hits of the score follow. */
  readonly key: Key | undefined;
}

export interface IteratorToken {
  readonly id: string;
  /** Undefined: pages behind this one end between scores. */
  readonly end: PageEnd | undefined;
}

const TOKEN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:~([fn])~([^~]+)~([^~]+)~(.*))?$/i;
/** Longer keys make no part of a token, which comes back in every request. */
const KEY_LENGTH_MAX = 1024;

export const fitsToken = (key: Key): boolean => typeof key === 'bigint' || key.length <= KEY_LENGTH_MAX;

export function tokenText({ id, end }: IteratorToken): string {
  if (end === undefined) return id;
  const { isFirst, bound, score, key } = end;
  return [id, isFirst ? 'f' : 'n', bound, score, key === undefined ? '' : keyText(key)].join('~');
}

/** @throws invalid_parameter */
export function parseToken(text: string): IteratorToken {
  const [, id, kind, bound, score, key] = TOKEN.exec(text) ?? [];
  if (id === undefined) throw badToken();
  if (kind === undefined) return { id, end: undefined };
  const end = { bound: parseFloat32(bound), score: parseFloat32(score), key: parseKey(key ?? '') };
  return { id, end: { isFirst: kind === 'f', ...end } };
}

const keyText = (key: Key): string => (typeof key === 'bigint' ? `i${key}` : `s${encodeURIComponent(key)}`);

function parseKey(text: string): Key | undefined {
  if (text === '') return undefined;
  if (/^i-?\d{1,19}$/.test(text)) {
    const key = BigInt(text.slice(1));
    if (BigInt.asIntN(64, key) !== key) throw badToken();
    return key;
  }
  if (!text.startsWith('s')) throw badToken();
  try {
    return decodeURIComponent(text.slice(1));
  } catch {
    throw badToken();
  }
}

function parseFloat32(text: string | undefined): number {
  const value = Number(text);
  if (Number.isNaN(value)) throw badToken();
  return Math.fround(value);
}

export const badToken = (): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    'parse iterator v2 info failed: invalid token format: invalid parameter',
  );

/** Bounds for a client that keeps its first token, both before the score that its second page begins with. */
interface Marks {
  /** A second page of that score was answered, and more hits of it follow. */
  readonly among: number;
  /** All hits of the score were answered. */
  readonly behind: number;
}

/** @returns undefined where no finite floats are before the score */
function marksOf({ bound, score }: PageEnd, isLargerBetter: boolean): Marks | undefined {
  const before: number[] = [];
  for (let at = score; before.length < 3; ) {
    const next = scoreBefore(at, isLargerBetter);
    if (!Number.isFinite(next)) return undefined;
    before.push(next);
    at = next;
  }
  const [among, behind] = before.filter((one) => one !== bound);
  return among === undefined || behind === undefined ? undefined : { among, behind };
}

/** Where a page begins. */
export type PageStart =
  /** Strictly behind a score; undefined: with the best hit. */
  | { readonly kind: 'behind'; readonly score: number | undefined }
  /** With the hits of a score that are behind a key, but for as many of them as a page has, where these were answered. */
  | {
      readonly kind: 'among';
      readonly score: number;
      readonly key: Key | undefined;
      readonly skipsPage: boolean;
    };

/** What the client does with tokens: `unknown` up to its second page. */
export type TokenUse = 'unknown' | 'echoes' | 'keeps';

export interface StartedPage {
  readonly use: TokenUse;
  readonly start: PageStart;
}

export function startOfPage(
  token: IteratorToken | undefined,
  lastBound: number | undefined,
  isLargerBetter: boolean,
): StartedPage {
  if (token === undefined || lastBound === undefined)
    return { use: token === undefined ? 'unknown' : 'keeps', start: { kind: 'behind', score: undefined } };
  const bound = Math.fround(lastBound);
  const { end } = token;
  const behindBound = { kind: 'behind', score: bound } as const;
  if (end === undefined) return { use: 'keeps', start: behindBound };
  const { score, key } = end;
  const among = { kind: 'among', score, key } as const;
  if (!end.isFirst) {
    if (bound !== end.bound) return { use: 'echoes', start: behindBound };
    const start = key === undefined ? ({ kind: 'behind', score } as const) : { ...among, skipsPage: false };
    return { use: 'echoes', start };
  }
  if (bound === end.bound)
    return { use: 'unknown', start: key === undefined ? behindBound : { ...among, skipsPage: false } };
  const marks = marksOf(end, isLargerBetter);
  if (bound === marks?.among) return { use: 'keeps', start: { ...among, skipsPage: true } };
  return { use: 'keeps', start: bound === marks?.behind ? { kind: 'behind', score } : behindBound };
}

/** The hits of a page, as far as its token and bound speak of them. */
export interface AnsweredPage {
  readonly lastScore: number;
  /** The last key, where more hits of its score follow. */
  readonly lastKey: Key | undefined;
  /** The score of the hit behind the page, when that is known and another one. */
  readonly nextScore: number | undefined;
}

/** What the answer says of its end: the text of the token, and the bound. */
export function endOfPage(
  sent: IteratorToken | undefined,
  { use }: StartedPage,
  { lastScore, lastKey, nextScore }: AnsweredPage,
  isLargerBetter: boolean,
  id: string,
): { readonly token: string; readonly lastBound: number } {
  if (sent === undefined) {
    const score = lastKey === undefined ? nextScore : lastScore;
    const end = score === undefined ? undefined : { isFirst: true, bound: lastScore, score, key: lastKey };
    const isMarked = end !== undefined && marksOf(end, isLargerBetter) !== undefined;
    return { token: tokenText({ id, end: isMarked ? end : undefined }), lastBound: lastScore };
  }
  const { end } = sent;
  const marks = end?.isFirst && end.score === lastScore ? marksOf(end, isLargerBetter) : undefined;
  const mark = lastKey === undefined ? marks?.behind : marks?.among;
  const bound = mark ?? lastScore;
  if (use === 'keeps') return { token: tokenText(sent), lastBound: bound };
  const next = { isFirst: false, bound, score: lastScore, key: lastKey };
  return { token: tokenText({ id: sent.id, end: next }), lastBound: bound };
}

/** Whether a page may end among the hits of a score, so that each of the clients that it may be for goes on rightly. */
export function mayEndAmong(
  sent: IteratorToken | undefined,
  use: TokenUse,
  score: number,
  isLargerBetter: boolean,
): boolean {
  if (use !== 'unknown') return use === 'echoes';
  const end = sent?.end ?? { isFirst: true, bound: score, score, key: undefined };
  return end.score === score && marksOf(end, isLargerBetter) !== undefined;
}
