// The ids of a search by ids, checked against the collection.
import { ElanusError } from '#base/errors.js';
import { columnFromIds } from '#model/columns/field-data-out.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldSchema, IDs } from '#proto/milvus/schema.js';

export interface SearchedIds {
  readonly keys: Column;
  readonly count: number;
}

/** @throws invalid_parameter */
export function searchedIds(ids: IDs, primary: FieldSchema, searched: FieldSchema): SearchedIds {
  const isInt = primary.dataType === DataType.Int64;
  const sent = ids.idField;
  if (sent !== undefined && (sent.$case === 'intId') !== isInt)
    throw refusal(`primary key is ${isInt ? 'int64' : 'varchar'}, but IDs type mismatch`);
  if (searched.dataType === DataType.ArrayOfVector)
    throw refusal(
      `field ${searched.name} is an array of vectors, which cannot be searched by ids; send vectors`,
    );
  if (searched.isFunctionOutput)
    throw refusal(
      `field ${searched.name} is the output of a function, which cannot be searched by ids; send texts`,
    );
  const keys = columnFromIds(ids, primary.fieldID);
  const count =
    sent?.$case === 'strId' ? sent.value.data.length : keys.data.length / BigInt64Array.BYTES_PER_ELEMENT;
  return { keys, count };
}

export const refusal = (text: string): ElanusError =>
  new ElanusError('invalid_parameter', `${text}: invalid parameter`);
