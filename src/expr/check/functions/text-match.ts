// `text_match` and `phrase_match`: read and checked, but texts are not analysed yet, so nothing can answer them.
import { ElanusError } from '#base/errors.js';
import type { Node } from '#expr/ast.js';
import type { CheckContext } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { DataType } from '#model/schema/data-type.js';
import { dataTypeName, typeParam } from '#model/schema/schema-view.js';
import { argumentField, type CallNode, constantArgument } from './call-arguments.js';

/** @throws FilterSyntaxError for what will be wrong then, too; else unsupported */
export function checkTextMatch(context: CheckContext, node: CallNode): never {
  const field = argumentField(context, node);
  const what = node.name === 'phrase_match' ? 'phrase match' : 'text match';
  if (field.dataType !== DataType.VarChar) {
    throw new FilterSyntaxError(
      `${what} operation on non-string is unsupported, got ${dataTypeName(field.dataType)}`,
      node.begin,
    );
  }
  const declared = context.schema.fields.find((candidate) => candidate.fieldID === field.fieldId);
  if (declared === undefined || typeParam(declared, 'enable_match') !== 'true') {
    throw new FilterSyntaxError(`field "${field.name}" does not enable match`, node.begin);
  }
  const query = node.args[1] === undefined ? undefined : constantArgument(context, node.args[1], 'the query');
  if (query?.type !== 'text')
    throw new FilterSyntaxError(`${node.name} needs a string to look for`, node.begin);
  for (const option of node.options) checkShouldMatch(context, option);
  if (node.name === 'phrase_match' && node.args[2] !== undefined) checkSlop(context, node.args[2]);
  throw new ElanusError(
    'unsupported',
    `${node.name} is not supported in this version: texts are not analyzed; use like or =~`,
  );
}

function checkShouldMatch(context: CheckContext, option: CallNode['options'][number]): void {
  const value = constantArgument(context, option.value, option.name);
  if (option.name !== 'minimum_should_match')
    throw new FilterSyntaxError(`text_match has no option ${option.name}`, option.begin);
  if (value.type !== 'int')
    throw new FilterSyntaxError('minimum_should_match should be a const integer expression', option.begin);
  if (value.value < 1n)
    throw new FilterSyntaxError(`minimum_should_match should be >= 1, got ${value.value}`, option.begin);
  if (value.value > 1000n)
    throw new FilterSyntaxError(`minimum_should_match should be <= 1000, got ${value.value}`, option.begin);
}

function checkSlop(context: CheckContext, node: Node): void {
  const slop = constantArgument(context, node, '"slop"');
  if (slop.type === 'int' && slop.value >= 0n && slop.value < 2n ** 32n) return;
  throw new FilterSyntaxError('"slop" should be a const integer expression with "uint32" value', node.begin);
}
