// Reads the sources as text and says where they leave the order of folders. Pure: files come in as a map, so that the rules themselves
// can be tested on small made-up trees.
export type Sources = ReadonlyMap<string, string>; // path below src/ → text
export interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path below src/, when it is a file of ours. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
}

export const folders = [
  'base',
  'proto',
  'model',
  'text',
  'expr',
  'index',
  'platform',
  'wal',
  'catalog',
  'segment',
  'rpc',
  'client',
  'roles',
  'server',
] as const;

/** Pure packages and where they may be used; packages that do I/O only where the outside world is. */
const purePackages: Readonly<Record<string, readonly string[]>> = {
  proto: ['@bufbuild/protobuf'],
  // Decoding within a bound.
  model: ['@bufbuild/protobuf'],
  text: ['re2js'],
  expr: ['jsts', 're2js'],
  segment: ['hyparquet', 'hyparquet-writer'],
  server: ['zod'],
};

const touchesTheWorld = (path: string): boolean =>
  path.startsWith('platform/node/') ||
  ['client/connect.ts', 'server/main.ts', 'server/open.ts', 'server/database.ts'].includes(path);
const isTest = (path: string): boolean => path.endsWith('.test.ts');
const folderOf = (path: string): string => path.split('/')[0] ?? '';
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Code without comments; strings stay. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, string: string | undefined) => string ?? ' ',
  );
}

const withoutStrings = (text: string): string =>
  withoutComments(text).replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, "''");

export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const statement =
    /(?:^|[;\n}])\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  for (const [whole, type, named, dynamic] of withoutComments(text).matchAll(statement)) {
    const specifier = named ?? dynamic ?? '';
    // `import { type A, type B }` brings nothing at run time either.
    const names =
      /\{([^}]*)\}/
        .exec(whole)?.[1]
        ?.split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '') ?? [];
    const onlyTypes =
      names.length > 0 && names.every((name) => name.startsWith('type ')) && !/import\s+\w+\s*,/.test(whole);
    found.push({
      from: path,
      specifier,
      target: targetOf(path, specifier),
      typeOnly: type !== undefined || onlyTypes,
    });
  }
  return found;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1).replace(/\.js$/, '.ts');
  if (!specifier.startsWith('.')) return undefined;
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

const allImports = (sources: Sources): Import[] =>
  [...sources].flatMap(([path, text]) => importsOf(path, text));

/** Each folder imports only from those before it; every folder is known. */
export function wrongOrder(sources: Sources): string[] {
  const place = (path: string): number => (folders as readonly string[]).indexOf(folderOf(path));
  const unknown = [...new Set([...sources.keys()].map(folderOf))].filter(
    (folder) => !(folders as readonly string[]).includes(folder),
  );
  const backward = allImports(sources)
    .filter(({ from, target }) => target !== undefined && !isTest(from) && place(target) > place(from))
    .map(({ from, target }) => `${from} imports ${target}, which comes later`);
  return [...unknown.map((folder) => `src/${folder} has no place in the order of folders`), ...backward];
}

/** Roles meet through proto and rpc; real and simulated platforms are chosen by the entry points alone. */
export function privateImports(sources: Sources): string[] {
  const roleOf = (path: string): string | undefined => /^roles\/([^/]+)\//.exec(path)?.[1];
  return allImports(sources)
    .filter(({ from }) => !isTest(from))
    .flatMap(({ from, target }) => {
      if (target === undefined) return [];
      const [own, other] = [roleOf(from), roleOf(target)];
      if (own !== undefined && other !== undefined && own !== other)
        return [`${from} imports ${target}, the inside of another role`];
      const platform = /^platform\/(node|memory)\//.exec(target)?.[1];
      if (platform !== undefined && !from.startsWith('platform/') && !touchesTheWorld(from))
        return [`${from} imports ${target}, a particular platform`];
      return [];
    });
}

/** node: modules and third-party packages only where they belong. */
export function foreignImports(sources: Sources): string[] {
  return allImports(sources)
    .filter(({ from, target }) => target === undefined && !isTest(from) && !touchesTheWorld(from))
    .filter(({ from, specifier }) => !(purePackages[folderOf(from)] ?? []).includes(packageOf(specifier)))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
}

/** Inside a folder relatively, across folders by name, so that a crossing shows at a glance. */
export function badSpecifiers(sources: Sources): string[] {
  const unit = (path: string): string => path.split('/').slice(0, -1).join('/');
  return allImports(sources).flatMap(({ from, specifier, target }) => {
    if (target === undefined || isTest(from)) return [];
    if (!sources.has(target) && !/^(index|expr)\/gen\//.test(target))
      return [`${from} imports ${specifier}, which is no file`];
    const isSame = unit(from) === unit(target);
    // Generated files have one style everywhere.
    if (from.startsWith('proto/')) return [];
    if (specifier.startsWith('.') !== isSame)
      return [
        `${from} imports ${specifier}: ${isSame ? 'same folder, use a relative path' : 'another folder, use its name'}`,
      ];
    return [];
  });
}

/** Circles of files, types included: what belongs together is in one file or has an order. */
export function cycles(sources: Sources, options: { readonly types: boolean }): string[] {
  const next = new Map<string, string[]>();
  for (const { from, target, typeOnly } of allImports(sources)) {
    if (target === undefined || (typeOnly && !options.types)) continue;
    next.set(from, [...(next.get(from) ?? []), target]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push([...trail.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const target of next.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

/** Rooms of these folders have an order, too: which rooms import each other in a circle. The files of the folder itself are one more. */
export function roomCircles(sources: Sources, folder: string): string[] {
  const roomOf = (path: string): string => path.split('/').slice(0, -1).join('/');
  const next = new Map<string, Set<string>>();
  for (const { from, target } of allImports(sources)) {
    if (target === undefined || isTest(from) || !from.startsWith(`${folder}/`)) continue;
    const [room, other] = [roomOf(from), roomOf(target)];
    if (room === other || !target.startsWith(`${folder}/`)) continue;
    next.set(room, (next.get(room) ?? new Set()).add(other));
  }
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (room: string, trail: readonly string[]): void => {
    const at = trail.indexOf(room);
    if (at >= 0) found.push([...trail.slice(at), room].join(' → '));
    if (at >= 0 || done.has(room)) return;
    for (const other of next.get(room) ?? []) visit(other, [...trail, room]);
    done.add(room);
  };
  for (const room of next.keys()) visit(room, []);
  return found;
}

const worldly: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\(\s*\)/, 'new Date()'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\bset(?:Timeout|Interval|Immediate)\b/, 'a timer'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bcrypto\.(?:getRandomValues|randomUUID)\b/, 'crypto'],
  [/\bprocess\./, 'process'],
  [/\bglobalThis\./, 'globalThis'],
];
/** Time, chance and the process reach everything above the platform through its interfaces. */
export function worldlyCalls(sources: Sources): string[] {
  return [...sources]
    .filter(
      ([path]) =>
        !isTest(path) &&
        !path.startsWith('platform/') &&
        !path.startsWith('proto/') &&
        !touchesTheWorld(path),
    )
    .flatMap(([path, text]) =>
      worldly
        .filter(([pattern]) => pattern.test(withoutStrings(text)))
        .map(([, what]) => `${path} uses ${what}`),
    );
}

/** For everything that is written by hand: sources, tests, kernels and tools. */
export const LINES_MAX = 400;
export function tooLong(sources: Sources): string[] {
  return [...sources]
    .filter(([path]) => !path.startsWith('proto/') && !path.includes('/gen/'))
    .map(([path, text]) => ({ path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0) }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path} has ${lines} lines, at most ${LINES_MAX}`);
}

export function noOpening(sources: Sources): string[] {
  return [...sources]
    .filter(([path]) => !isTest(path) && !path.startsWith('proto/') && !path.includes('/gen/'))
    .filter(([, text]) => !/^(#![^\n]*\n)?\/\/ \S/.test(text))
    .map(([path]) => `${path} does not open with what it is for`);
}

export function unnamedFolders(sources: Sources, document: string): string[] {
  const paths = new Set(
    [...sources.keys()].flatMap((path) =>
      path.startsWith('roles/') ? [path.split('/').slice(0, 2).join('/')] : [folderOf(path)],
    ),
  );
  return [...paths].filter(
    (path) => !new RegExp(`(^|[^\\w-])${path.split('/').at(-1)}([^\\w-]|$)`, 'm').test(document),
  );
}
