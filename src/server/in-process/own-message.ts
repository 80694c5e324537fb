// A message that belongs to one side. What comes in must not change while it is worked on, whatever its sender does with its arrays, and
// what goes out must not show memory of the engine: so bytes are copied once, on the way in and on the way out, and texts and numbers are
// made what they would be on the wire.

import { copyBytes } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { SharedMemory } from '#base/shared-memory.js';
import { notUtf8 } from '#model/bounded-decode.js';
import { SearchResults } from '#proto/milvus/milvus.js';
import { FieldData, type IDs, type SearchResultData } from '#proto/milvus/schema.js';
import { codec, isWhole, whole } from '#rpc/service.js';

/** About what a field takes on the wire beside its value. */
const FIELD_BYTES = 2;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

export interface OwnMessage {
  readonly message: object;
  /** About the length of the message on the wire. */
  readonly bytes: number;
}

interface RequestFacts {
  readonly method: string;
  /** Bytes outside of shared memory belong to the message already. */
  readonly isMoved?: boolean | undefined;
  /** Where copies of many bytes lie; memory that is new when not given. */
  readonly memory?: RequestMemory | undefined;
}

/** From this size on a copy lies in memory that is used again. */
const LENT_BYTES_MIN = 64 * 1024;

/** The copies of one request, in memory that goes to the next request when nobody reads this one any more. */
export class RequestMemory {
  readonly #memory: SharedMemory;
  readonly #taken: Uint8Array[] = [];

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  copyOf(bytes: Uint8Array): Uint8Array {
    const copy = bytes.length < LENT_BYTES_MIN ? undefined : this.#memory.take(bytes.length);
    if (copy === undefined) return new Uint8Array(bytes);
    copyBytes(bytes, 0, bytes.length, copy, 0);
    this.#taken.push(copy);
    return copy;
  }

  /** Nobody reads the request any more. */
  giveBack(): void {
    for (const copy of this.#taken.splice(0)) this.#memory.give(copy);
  }
}

/**
 * The request with every field, as its sender has it at this moment. One that is whole comes from our own client, which made it, bytes and all, for
 * this call alone: it goes on as it is.
 * @throws invalid_parameter for what no message can hold
 */
export function ownRequest(
  type: unknown,
  request: object,
  { method, isMoved = false, memory }: RequestFacts,
): OwnMessage {
  try {
    if (isWhole(request)) return { message: request, bytes: ownFields(request, nothingCopied) };
    // Objects and lists are made anew here; only bytes are still shared.
    const message = codec(type).fromPartial(request);
    return { message: whole(message), bytes: ownFields(message, copying(isMoved, memory)) };
  } catch (error) {
    throw new ElanusError(
      'invalid_parameter',
      `${method}: the request is no message of its type (${messageOf(error)}); give it the fields that the type has`,
      { cause: error },
    );
  }
}

/** The answer with every field, in memory of its own. */
export function ownAnswer(type: unknown, answer: object): OwnMessage {
  const hits = type === SearchResults && isWhole(answer) ? ownHits(answer as SearchResults) : undefined;
  if (hits !== undefined) return hits;
  const message = codec(type).fromPartial(answer);
  return { message, bytes: ownFields(message, newCopies) };
}

/** Hits with their fields, which most answers are, without looking for what else an answer may have. Undefined: it has more. */
function ownHits({ status, results, collectionName, sessionTs }: SearchResults): OwnMessage | undefined {
  if (status === undefined || results === undefined || hasMoreThanHits(results)) return undefined;
  const fieldsData = results.fieldsData.map((field) => FieldData.fromPartial(field));
  const scores = newCopy(results.scores);
  const ids = results.ids && ownIds(results.ids);
  const message: SearchResults = {
    status: { ...status, extraInfo: { ...status.extraInfo } },
    results: {
      numQueries: results.numQueries,
      topK: results.topK,
      fieldsData,
      scores,
      ids: ids?.message,
      topks: results.topks.slice(),
      outputFields: results.outputFields.slice(),
      groupByFieldValue: undefined,
      allSearchCount: results.allSearchCount,
      distances: [],
      searchIteratorV2Results: undefined,
      recalls: results.recalls.slice(),
      primaryFieldName: results.primaryFieldName,
      highlightResults: [],
      elementIndices: undefined,
      groupByFieldValues: [],
      aggBuckets: [],
      aggTopks: [],
    },
    collectionName,
    sessionTs,
  };
  let bytes =
    HITS_BYTES + status.reason.length + scores.length + (ids?.bytes ?? 0) + 8 * results.topks.length;
  for (const field of fieldsData) bytes += ownFields(field, newCopies);
  return { message, bytes };
}

/** About what an answer takes beside its hits and their fields. */
const HITS_BYTES = 128;

const hasMoreThanHits = (results: SearchResultData): boolean =>
  results.groupByFieldValue !== undefined ||
  results.searchIteratorV2Results !== undefined ||
  results.elementIndices !== undefined ||
  results.distances.length > 0 ||
  results.highlightResults.length > 0 ||
  results.groupByFieldValues.length > 0 ||
  results.aggBuckets.length > 0 ||
  results.aggTopks.length > 0;

function ownIds({ idField }: IDs): { readonly message: IDs; readonly bytes: number } {
  if (idField?.$case === 'intId') {
    const data = newCopy(idField.value.data);
    return { message: { idField: { $case: 'intId', value: { data } } }, bytes: data.length };
  }
  if (idField === undefined) return { message: { idField }, bytes: 0 };
  const data = idField.value.data.slice();
  return { message: { idField: { $case: 'strId', value: { data } } }, bytes: ownItems(data, newCopies) };
}

/** Replaces what is shared, or would be something else on the wire. @returns about the bytes of all fields */
function ownFields(message: object, copies: Copies): number {
  const fields = message as Record<string, unknown>;
  let bytes = 0;
  for (const key in fields) bytes += FIELD_BYTES + ownField(fields, key, copies);
  return bytes;
}

function ownField(fields: Record<string, unknown>, key: string, copies: Copies): number {
  const value = fields[key];
  switch (typeof value) {
    case 'string':
      checkWellFormed(value);
      return value.length;
    case 'bigint':
      return bytesOfInt64(value);
    case 'object':
      if (value === null) return 0;
      if (Array.isArray(value)) return ownItems(value, copies);
      if (!(value instanceof Uint8Array)) return ownFields(value, copies);
      if (copies !== nothingCopied) fields[key] = copies.field(value);
      return value.length;
    default:
      return 4;
  }
}

/** All items of a list are of one kind; of numbers nothing has to be made. */
function ownItems(items: unknown[], copies: Copies): number {
  let bytes = 4 * items.length;
  switch (typeof items[0]) {
    case 'string':
      for (const item of items) {
        const text = item as string;
        checkWellFormed(text);
        bytes += text.length;
      }
      return bytes;
    case 'bigint':
      for (const item of items) bytes += bytesOfInt64(item as bigint);
      return bytes;
    case 'object':
      for (let i = 0; i < items.length; i++) {
        const item = items[i] as object;
        if (item instanceof Uint8Array) {
          if (copies !== nothingCopied) items[i] = copies.item(item);
          bytes += item.length;
        } else bytes += ownFields(item, copies);
      }
      return bytes;
    default:
      return bytes;
  }
}

/** How bytes come to belong to the message: those that are a field, and those that are an item of a list, which may be read as text. */
interface Copies {
  readonly field: (bytes: Uint8Array) => Uint8Array;
  readonly item: (bytes: Uint8Array) => Uint8Array;
}

/** Not `slice`, which is a view where the bytes are a Buffer. */
const newCopy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
const newCopies: Copies = { field: newCopy, item: newCopy };
const asItIs = (bytes: Uint8Array): Uint8Array => bytes;
/** For messages that are nobody else's: only their texts and numbers are looked at. */
const nothingCopied: Copies = { field: asItIs, item: asItIs };

function copying(isMoved: boolean, memory: RequestMemory | undefined): Copies {
  if (isMoved) {
    const item = (bytes: Uint8Array): Uint8Array =>
      bytes.buffer instanceof ArrayBuffer ? bytes : newCopy(bytes);
    return { field: item, item };
  }
  return memory === undefined ? newCopies : { field: (bytes) => memory.copyOf(bytes), item: newCopy };
}

/** The wire is UTF-8, which has no half of a pair: a text must not be one thing in memory and another in files. */
function checkWellFormed(text: string): void {
  if (!text.isWellFormed()) throw notUtf8();
}

function bytesOfInt64(value: bigint): number {
  if (value < INT64_MIN || value > UINT64_MAX) throw new RangeError(`${value} has more than 64 bits`);
  return 8;
}
