// Encoders and decoders of messages that a program in one process hardly needs, as parts of the bundle that are read with the first call of one
// (ADR 0070). They are three quarters of the generated text, which is a third of all that a start would read. What makes a message of an object stays.
import { createHash } from 'node:crypto';
import { transform } from 'esbuild';

/**
 * By generated file: messages whose codecs stay, since every start decodes them from the catalog, or every search. All of a file that is not
 * named here stay.
 */
const staying = new Map([
  ['elanus/roles', []],
  ['milvus/common', ['KeyValuePair', 'PlaceholderGroup', 'PlaceholderValue', 'Status']],
  ['milvus/data_coord', []],
  ['milvus/feder', []],
  ['milvus/internal', []],
  ['milvus/milvus', []],
  ['milvus/msg', []],
  ['milvus/root_coord', []],
  ['milvus/schema', ['CollectionSchema', 'FieldSchema']],
]);

export const codecFiles = [...staying.keys()];

/** Named by what is in it: a program whose package is replaced while it runs misses its part, and never takes one of another version. */
function partNameOf(file, code) {
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 8);
  return `lazy-codecs-${file.slice(file.indexOf('/') + 1)}-${hash}.cjs`;
}

const CODEC = /^ {4}(encode|decode)\(.*\) \{\n[\s\S]*?\n {4}\},\n/gm;
const MAKER = /^ {4}(create|fromPartial)\(.*\) \{\n[\s\S]*?\n {4}\},\n/gm;
const MESSAGE = /^export const (\w+) = \{\n {4}encode\([\s\S]*?\n\};\n/gm;
const IMPORT = /^import \{([^}]*)\} from ".*";\n/gm;

/**
 * @param text of the generated file, compiled
 * @returns `staying`: the file without those codecs, each message taking its own from the part when one is called first; `part`: the text of that part
 */
export async function splitCodecs(file, text) {
  const kept = new Set(staying.get(file));
  const moved = [];
  const rest = text.replace(MESSAGE, (message, name) => {
    if (kept.delete(name)) return message;
    moved.push(message.replace(MAKER, '').replace('export ', ''));
    return message.replace(
      CODEC,
      (_, codec) => `    ${codec}(...args) { return own(${name}, '${name}').${codec}(...args); },\n`,
    );
  });
  const names = moved.map((message) => /^const (\w+)/.exec(message)[1]);
  if (kept.size > 0 || moved.length === 0)
    throw unexpected(file, `there is no message ${[...kept].join(', ')}`);
  const wanted = text.match(MESSAGE).length * 2;
  if (text.match(CODEC).length !== wanted)
    throw unexpected(file, 'a message has not one encoder and one decoder');
  const body = moved.join('');
  const used = (name) => new RegExp(`\\b${name}\\b`).test(body);
  // Another message of the same file is either in the part or handed over, like what the file imports.
  const imported = [...text.matchAll(IMPORT)].flatMap(([, list]) =>
    list.split(',').map((name) => name.trim()),
  );
  const exported = [...text.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
  const given = [...imported, ...exported].filter(
    (name) => name !== '' && !names.includes(name) && used(name),
  );
  if (given.some((name) => name.includes(' '))) throw unexpected(file, 'an import has another name');
  const locals = [...text.matchAll(/^function (\w+)\([\s\S]*?\n\}\n/gm)].filter(([, name]) => used(name));
  const part = [
    `module.exports = ({ ${given.join(', ')} }) => {`,
    ...locals.map(([local]) => local),
    ...[body, `return { ${names.join(', ')} };`, '};'],
  ].join('\n');
  const { code } = await transform(part, { minify: true, legalComments: 'none', lineLimit: 120 });
  const partName = partNameOf(file, code);
  return { staying: `${callsOf(partName, given)}${rest}`, part: code, partName };
}

/** After its first call a message has the codecs as its own, so that no later call goes a longer way. */
function callsOf(partName, given) {
  return [
    "import { readPart } from 'lazy-part';",
    'let codecs;',
    'function own(message, name) {',
    `  codecs ??= readPart('${partName}')({ ${given.join(', ')} });`,
    '  return Object.assign(message, codecs[name]);',
    '}',
    '',
  ].join('\n');
}

const unexpected = (file, what) =>
  new Error(`bundle: the generated ${file} looks otherwise than expected: ${what}; adapt lazy-codecs.mjs`);
