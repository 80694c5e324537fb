// Functions that ask services outside are tried when they come into a schema: a wrong model, key or dimension shows then, and not at the first insert.
import { must } from '#base/assert.js';
import { fieldById } from '#model/schema/field.js';
import type { CallContext } from '#platform/transport.js';
import { type CollectionSchema, FunctionType } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';

/** What Milvus sends to find out what a model makes. */
const TRIED = 'check';

/** @param names of the functions that are tried; all when not given @throws function_failed, provider_unavailable, invalid_parameter */
export async function checkEmbeddings(
  { providers }: Pick<ProxyParts, 'providers'>,
  schema: CollectionSchema,
  names: readonly string[] | undefined,
  context: CallContext,
): Promise<void> {
  for (const made of schema.functions) {
    if (made.type !== FunctionType.TextEmbedding || names?.includes(made.name) === false) continue;
    const output = must(fieldById(schema, made.outputFieldIds[0] ?? 0n), 'output field of a function');
    await providers.embed({ made, output, texts: [TRIED], mode: 'rows' }, context);
  }
}
