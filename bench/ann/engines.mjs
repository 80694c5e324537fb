// The engines of the comparison by name, and an engine's process seen from the parent.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const files = ['elanus', 'hnswlib-node', 'usearch', 'lancedb', 'zvec', 'sqlite-vec'];

export async function allEngines() {
  const lists = await Promise.all(files.map((file) => import(`./engines/${file}.mjs`)));
  return lists.flatMap(({ engines }) => engines);
}

export async function loadEngine(name) {
  const engine = (await allEngines()).find((one) => one.name === name);
  if (engine === undefined)
    throw new Error(`no engine ${name}; there are ${(await allEngines()).map((one) => one.name).join(', ')}`);
  return engine;
}

/** @returns calls of engine-process.mjs; rejected when the process ends. */
export async function startEngine(engine, set, rows) {
  const child = fork(
    fileURLToPath(new URL('./engine-process.mjs', import.meta.url)),
    [engine.name, set, ...(rows ? [String(rows)] : [])],
    {
      execArgv: ['--expose-gc', '--no-warnings', '--max-old-space-size=8192'],
    },
  );
  const waiting = new Map();
  const promised = (id) => new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  child.on('message', ({ id, output, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(`${engine.name}: ${error}`));
    else resolve(output);
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`the process of ${engine.name} ended with ${code ?? signal}`));
  });
  let next = 1;
  const call = (name, input) => {
    const id = next++;
    const answer = promised(id);
    if (!child.connected) return Promise.reject(new Error(`the process of ${engine.name} is gone`));
    child.send({ id, call: name, input });
    return answer;
  };
  const described = await promised(0);
  return {
    set: described,
    build: (input) => call('build', input),
    open: (input) => call('open', input),
    turn: (input) => call('turn', input),
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
