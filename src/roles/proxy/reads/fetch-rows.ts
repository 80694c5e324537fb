// Output fields of rows whose addresses are known: from the shard that has each, put back in the order of the addresses.
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { ANSWER_BYTES_MAX, type AnswerKind, answerTooLarge } from '#model/answer-bounds.js';
import { batchBytes, concatBatches, gatherBatch } from '#model/columns/column.js';
import { shardOfRow } from '#model/columns/row-key.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { FetchRowsRequest } from '#proto/elanus/roles.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { whole } from '#rpc/service.js';

/** Rows by segment and place in it, with their keys. */
export interface RowAddresses {
  readonly segmentIds: BigInt64Array;
  readonly rows: Uint32Array;
  readonly keys: Column;
}

export interface FetchRequest {
  readonly vchannels: readonly string[];
  readonly addresses: RowAddresses;
  readonly fieldIds: readonly bigint[];
  readonly kind: AnswerKind;
}

/** @throws segment_not_found when one has moved meanwhile; invalid_parameter when the answer would be too large */
export async function fetchRows(
  { streamingNode }: Pick<ProxyParts, 'streamingNode'>,
  request: FetchRequest,
  pace: Pace,
  context: CallContext,
): Promise<ColumnBatch> {
  const { vchannels, addresses, fieldIds, kind } = request;
  const { rows, segmentIds, keys } = addresses;
  // The keys are here already.
  if (fieldIds.length === 1 && fieldIds[0] === keys.fieldId)
    return notTooLarge({ rowCount: rows.length, columns: [keys] }, kind);
  const [only] = vchannels;
  if (only === undefined || vchannels.length > 1)
    return fetchFromShards(streamingNode, request, pace, context);
  const answer = await streamingNode.fetchRows(
    whole<FetchRowsRequest>({
      vchannel: only,
      segmentIds: bytesView(segmentIds),
      rows: bytesView(rows),
      fieldIds: [...fieldIds],
      isQuery: kind === 'query',
    }),
    context,
  );
  return notTooLarge(must(answer.rows, 'rows'), kind);
}

async function fetchFromShards(
  streamingNode: ProxyParts['streamingNode'],
  { vchannels, addresses, fieldIds, kind }: FetchRequest,
  pace: Pace,
  context: CallContext,
): Promise<ColumnBatch> {
  const { rows, segmentIds, keys } = addresses;
  const placesOf: number[][] = vchannels.map(() => []);
  for (let place = 0; place < rows.length; place++)
    placesOf[shardOfRow(keys, place, vchannels.length)]?.push(place);
  const batches: ColumnBatch[] = [];
  const order = new Uint32Array(rows.length);
  let base = 0;
  let bytes = 0;
  for (const [shard, vchannel] of vchannels.entries()) {
    const places = placesOf[shard] ?? [];
    if (places.length === 0) continue;
    const answer = await streamingNode.fetchRows(
      {
        vchannel,
        segmentIds: bytesView(BigInt64Array.from(places, (place) => segmentIds[place] ?? 0n)),
        rows: bytesView(Uint32Array.from(places, (place) => rows[place] ?? 0)),
        fieldIds: [...fieldIds],
        isQuery: kind === 'query',
      },
      context,
    );
    const fetched = must(answer.rows, 'rows');
    bytes += batchBytes(fetched);
    if (bytes > ANSWER_BYTES_MAX) throw answerTooLarge(kind);
    batches.push(fetched);
    if (pace.isDue) await pace.rest();
    for (const [index, place] of places.entries()) order[place] = base + index;
    base += places.length;
  }
  const [first] = batches;
  return batches.length === 1 && first !== undefined ? first : gatherBatch(concatBatches(batches), order);
}

function notTooLarge(rows: ColumnBatch, kind: AnswerKind): ColumnBatch {
  if (batchBytes(rows) > ANSWER_BYTES_MAX) throw answerTooLarge(kind);
  return rows;
}
