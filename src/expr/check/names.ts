// What a name in a filter means in a collection: a field, a key of the dynamic field, a value at a JSON path, an element, a member.

import type { CurrentNode, PathNode, Step } from '#expr/ast.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldOperand, FieldRef, JsonOperand, Operand } from '#expr/typed.js';
import { DataType, isVectorType } from '#model/schema/data-type.js';
import { refuseNotLoaded } from '#model/schema/loaded-fields.js';
import { dataTypeName, dynamicField, META_FIELD_NAME } from '#model/schema/schema-view.js';
import type { CollectionSchema, FieldSchema, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import { fieldTypeName, valueTypeOf } from './comparison.js';

/** What a name leads to. A struct array has no values of its own. */
export type Named =
  | { readonly kind: 'operand'; readonly operand: Operand }
  /** A field whose values are not compared: a vector, a geometry, a text. */
  | { readonly kind: 'other'; readonly field: FieldRef }
  | { readonly kind: 'struct'; readonly struct: StructArrayFieldSchema };

/** What `$` is, inside a predicate over elements. */
export type ElementScope =
  | { readonly kind: 'array'; readonly field: FieldRef }
  | { readonly kind: 'struct'; readonly struct: StructArrayFieldSchema };

const fieldRef = (field: FieldSchema, struct?: StructArrayFieldSchema): FieldRef => ({
  fieldId: field.fieldID,
  name: struct === undefined || field.name.includes('[') ? field.name : `${struct.name}[${field.name}]`,
  dataType: field.dataType,
  elementType: field.dataType === DataType.Array ? field.elementType : DataType.None,
  nullable: field.nullable || struct?.nullable === true,
});

/** @throws FilterSyntaxError when there is no such thing */
export function resolvePath(schema: CollectionSchema, node: PathNode): Named {
  const field = schema.fields.find((candidate) => candidate.name === node.name && !candidate.isDynamic);
  if (field !== undefined) return resolveInField(field, node);
  const struct = schema.structArrayFields.find((candidate) => candidate.name === node.name);
  if (struct !== undefined) return resolveInStruct(struct, node);
  refuseNotLoaded(schema, node.name);
  const dynamic = dynamicField(schema);
  if (dynamic === undefined) throw new FilterSyntaxError(`field ${node.name} not exist`, node.begin);
  const keys = jsonPath(node);
  return jsonOperand(dynamic, node.name === META_FIELD_NAME ? keys : [node.name, ...keys]);
}

const jsonOperand = (field: FieldSchema, path: readonly string[]): Named => {
  const operand: JsonOperand = { kind: 'json', type: 'json', field: fieldRef(field), path };
  return { kind: 'operand', operand };
};

function jsonPath(node: PathNode): string[] {
  return node.steps.map((step) => {
    if (step.kind === 'key') return step.key;
    if (step.kind === 'index') return String(step.index);
    throw new FilterSyntaxError(
      `json key must be enclosed in double quotes or single quotes: "${step.name}"`,
      node.begin,
    );
  });
}

function resolveInField(field: FieldSchema, node: PathNode): Named {
  if (field.dataType === DataType.JSON) return jsonOperand(field, jsonPath(node));
  if (node.steps.length === 0) return whole(fieldRef(field));
  if (field.dataType !== DataType.Array) {
    throw new FilterSyntaxError(
      `${dataTypeName(field.dataType)} data type not supported accessed with []`,
      node.begin,
    );
  }
  return elementOf(fieldRef(field), node.steps, node);
}

/** A field as such. */
function whole(field: FieldRef): Named {
  const type = valueTypeOf(field.dataType);
  if (type === undefined || type === 'json') return { kind: 'other', field };
  const operand: FieldOperand = { kind: 'field', type, field };
  return { kind: 'operand', operand };
}

function elementOf(field: FieldRef, steps: readonly Step[], node: PathNode): Named {
  const [step, more] = steps;
  if (step?.kind !== 'index' || more !== undefined) {
    throw new FilterSyntaxError('can only access array field with integer index', node.begin);
  }
  return {
    kind: 'operand',
    operand: { kind: 'element', type: elementType(field, node.begin), field, index: step.index },
  };
}

/** `outer[inner]`, `outer[0][inner]`. */
function resolveInStruct(struct: StructArrayFieldSchema, node: PathNode): Named {
  const [first, second, more] = node.steps;
  if (first === undefined) return { kind: 'struct', struct };
  const member = first.kind === 'member' ? first : second;
  const hasIndex = first.kind === 'index';
  if (
    member?.kind !== 'member' ||
    (hasIndex ? more !== undefined : second !== undefined) ||
    (!hasIndex && first !== member)
  ) {
    throw new FilterSyntaxError(
      `invalid identifier: ${node.name} is a struct array, expected ${node.name}[field] or ${node.name}[0][field]`,
      node.begin,
    );
  }
  const field = memberOf(struct, member.name, node.begin);
  if (isVectorType(field.dataType)) return { kind: 'other', field };
  return hasIndex ? elementOf(field, [first], node) : whole(field);
}

function memberOf(struct: StructArrayFieldSchema, name: string, at: number): FieldRef {
  const full = `${struct.name}[${name}]`;
  const field = struct.fields.find((candidate) => candidate.name === name || candidate.name === full);
  if (field === undefined) throw new FilterSyntaxError(`field ${full} not exist`, at);
  return fieldRef(field, struct);
}

/** @throws FilterSyntaxError for `$` outside of a predicate over elements, and for members that there are not */
export function resolveCurrent(scope: ElementScope | undefined, node: CurrentNode): Operand {
  if (scope === undefined) {
    throw new FilterSyntaxError(
      "'$' is the current element, expected inside element_filter or match_… only",
      node.begin,
    );
  }
  if (scope.kind === 'array') {
    if (node.member !== undefined)
      throw new FilterSyntaxError(`field ${scope.field.name} is no struct array, expected '$'`, node.begin);
    return { kind: 'current', type: elementType(scope.field, node.begin), field: scope.field };
  }
  if (node.member === undefined) {
    throw new FilterSyntaxError(
      `field ${scope.struct.name} is a struct array, expected '$[field]'`,
      node.begin,
    );
  }
  const field = memberOf(scope.struct, node.member, node.begin);
  return { kind: 'current', type: elementType(field, node.begin), field };
}

function elementType(field: FieldRef, at: number): Operand['type'] {
  const type = field.dataType === DataType.Array ? valueTypeOf(field.elementType) : undefined;
  if (type !== undefined) return type;
  throw new FilterSyntaxError(
    `elements of ${field.name} of type ${fieldTypeName(field)} cannot be compared`,
    at,
  );
}

/** The field whose length says how many elements there are. @throws FilterSyntaxError */
export function elementCountField(scope: ElementScope, at: number): FieldRef {
  if (scope.kind === 'array') return scope.field;
  const field =
    scope.struct.fields.find((candidate) => candidate.dataType === DataType.Array) ?? scope.struct.fields[0];
  if (field === undefined) throw new FilterSyntaxError(`struct array ${scope.struct.name} has no fields`, at);
  return fieldRef(field, scope.struct);
}
