// From measured points to numbers that can be compared, and to Markdown.

const format = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const qps = (value) => (value === undefined ? 'never' : format.format(value));
const ratio = (mine, theirs) =>
  mine === undefined || theirs === undefined ? '' : (mine / theirs).toFixed(2);

/** QPS (per CPU second) at a recall: between two measured widths, log(QPS) is taken to be linear in recall. Undefined: never reached. */
export function qpsAt(points, recall, of = 'cpuQps') {
  const measured = points.filter((point) => point !== undefined && point !== null);
  // Widths wider than another that is no worse at less cost do not count.
  const after = measured.findIndex((point) => point.recall >= recall);
  if (after < 0) return undefined;
  const high = measured[after];
  const low = measured[after - 1];
  if (low === undefined || high.recall === low.recall) return high[of];
  const part = (recall - low.recall) / (high.recall - low.recall);
  return Math.exp(Math.log(low[of]) * (1 - part) + Math.log(high[of]) * part);
}

/** The cheapest measured width with at least this recall, else the one with the best recall. */
export function cheapest(points, recall) {
  const measured = points.filter((point) => point !== undefined && point !== null);
  const good = measured.filter((point) => point.recall >= recall);
  if (good.length > 0) return good.reduce((best, point) => (point.cpuQps > best.cpuQps ? point : best));
  return measured.reduce(
    (best, point) => (best === undefined || point.recall > best.recall ? point : best),
    undefined,
  );
}

function table(head, rows) {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

const engineOf = (set, name) => set.engines.find((one) => one.name === name);
const bestRecall = ({ points }) =>
  Math.max(0, ...points.filter((point) => point).map(({ recall }) => recall));

export function searchTable(set) {
  const [hnswlib, usearch] = [engineOf(set, 'hnswlib-node'), engineOf(set, 'usearch')];
  const rivals = ['x hnswlib-node at .95', 'at .99', 'x usearch at .95', 'at .99'];
  const head = [
    'engine',
    'QPS at .90',
    '.95',
    '.99',
    'best recall',
    ...rivals,
    'bytes a vector',
    'build, CPU s',
  ];
  const rows = set.engines.map((engine) => {
    const { at } = engine;
    const against = (rival) =>
      [0.95, 0.99].map((recall) => (engine === rival ? '' : ratio(at[recall], rival?.at[recall])));
    return [
      `${engine.name}${engine.ours ? '' : ` ${engine.version}`}`,
      qps(at[0.9]),
      qps(at[0.95]),
      qps(at[0.99]),
      bestRecall(engine).toFixed(3),
      ...against(hnswlib),
      ...against(usearch),
      `${format.format(engine.bytesPerVector)}${engine.bytesAre === 'exact' ? '' : ' (growth)'}`,
      engine.build.cpuSeconds === undefined
        ? ''
        : `${engine.build.cpuSeconds.toFixed(1)}${engine.build.remembered ? '*' : ''}`,
    ];
  });
  return table(head, rows);
}

export function filterTable(set) {
  const shares = [...new Set(set.engines.flatMap(({ filtered }) => Object.keys(filtered)))].sort(
    (a, b) => a - b,
  );
  const able = set.engines.filter(({ filtered }) => Object.keys(filtered).length > 0);
  if (shares.length === 0 || able.length === 0) return undefined;
  const rival = engineOf(set, 'hnswlib-node');
  const rows = able.map((engine) => [
    engine.name,
    ...shares.flatMap((share) => {
      const point = cheapest(engine.filtered[share] ?? [], 0.95);
      const theirs = cheapest(rival?.filtered[share] ?? [], 0.95);
      return [
        point ? `${qps(point.cpuQps)} @ ${point.recall.toFixed(3)}` : '',
        engine === rival ? '' : ratio(point?.cpuQps, theirs?.cpuQps),
      ];
    }),
  ]);
  return table(
    ['engine', ...shares.flatMap((share) => [`${share * 100} % pass: QPS @ recall`, 'x hnswlib-node'])],
    rows,
  );
}

export function buildTable(set) {
  if (set.builds.length === 0) return undefined;
  const names = [...new Set(set.builds.map(({ name }) => name))];
  const of = (name, threads) => set.builds.find((one) => one.name === name && one.threads === threads);
  const rows = names.map((name) => {
    const [one, two] = [of(name, 1), of(name, 2)];
    const took = (build) =>
      build
        ? `${build.seconds.toFixed(1)} (${build.cpuSeconds.toFixed(1)})${build.remembered ? '*' : ''}`
        : '';
    const [hnswlib, usearch] = [of('hnswlib-node', 1), of('usearch', 1)].map((build) => build?.cpuSeconds);
    const against = (theirs, rival) => (name === rival ? '' : ratio(theirs, one?.cpuSeconds));
    return [name, took(one), took(two), against(hnswlib, 'hnswlib-node'), against(usearch, 'usearch')];
  });
  const head = [
    'engine',
    'one thread: s (CPU s)',
    'two threads: s (CPU s)',
    'x hnswlib-node, CPU, one thread',
    'x usearch',
  ];
  return table(head, rows);
}

const loads = ({ load }) => `load average before ${load.before.toFixed(1)}, after ${load.after.toFixed(1)}`;

/** @param heading of the set, and the text before its tables */
export function markdownOf(set, { level = '###', before = [] } = {}) {
  const parts = [
    `${level} ${set.name}: ${format.format(set.rows)} x ${set.dim}, ${set.metric}`,
    `${set.key === set.name ? 'The whole set' : 'The first rows of the set only'}. QPS per CPU second of one caller; ${loads(set)}. Builds with * are from an earlier run.`,
    ...before,
    searchTable(set),
  ];
  const filters = filterTable(set);
  if (filters)
    parts.push(
      'With a filter, at the cheapest measured width of recall .95 or more (else the best there is):',
      filters,
    );
  const builds = buildTable(set);
  if (builds)
    parts.push(
      `Build, the first ${format.format(Math.min(...set.builds.map(({ rows }) => rows)))} rows:`,
      builds,
    );
  return `${parts.join('\n\n')}\n`;
}

const clientNames = {
  SDK: 'Milvus SDK',
  'bare client': 'bare gRPC client',
  echo: 'bare gRPC client, echo instead of Elanus',
};

export function serverMarkdown({ set, rows, dim, metric, filled, ef, rssMb, results, ...run }) {
  const head = [
    'calls in flight',
    'client',
    'QPS',
    'p50 ms',
    'p99 ms',
    'server CPU a search, us',
    'recall',
    'of the echo',
  ];
  const lines = results.map((entry) => {
    const echo = results.find(({ name, callers }) => name === 'echo' && callers === entry.callers);
    return [
      entry.callers,
      clientNames[entry.name],
      format.format(entry.qps),
      entry.p50.toFixed(2),
      entry.p99.toFixed(2),
      entry.serverCpuMicros === undefined ? '' : format.format(entry.serverCpuMicros),
      entry.recall?.toFixed(3) ?? '',
      entry === echo ? '' : ratio(entry.qps, echo.qps),
    ];
  });
  const times = `Filled in ${filled.insertSeconds.toFixed(1)} s, index and load ${filled.indexSeconds.toFixed(1)} s`;
  return `### Through the server: ${set}, ${format.format(rows)} x ${dim}, ${metric}, ${filled.indexType}, ef ${ef}

${times}; server ${rssMb.toFixed(0)} MB resident; ${loads(run)}.

${table(head, lines)}
`;
}
