// What the resident memory of this process is made of, in MB, as the system has it (Linux; elsewhere nothing is known).
import { existsSync, readFileSync } from 'node:fs';

const LARGE_KB = 16 * 1024;
const mb = (kb) => Math.round(kb / 1024);

/**
 * `program`: Node and libraries, as far as they were read. `regions`: mappings of 16 MB and more, which are vectors and indexes. `malloc`: what it has of the
 * main heap. `rest`: V8's heaps of all threads, array buffers, stacks. Beside them what V8 says of this thread.
 */
export function memoryParts() {
  if (!existsSync('/proc/self/smaps')) return undefined;
  const parts = { program: 0, regions: 0, malloc: 0, rest: 0 };
  let kind = 'rest';
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, begin, end, name] = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    if (begin !== undefined) {
      const kb = (Number.parseInt(end, 16) - Number.parseInt(begin, 16)) / 1024;
      if (name === '[heap]') kind = 'malloc';
      else if (name.startsWith('/')) kind = 'program';
      else kind = kb >= LARGE_KB ? 'regions' : 'rest';
    } else if (line.startsWith('Rss:')) parts[kind] += Number(line.replaceAll(/\D/g, ''));
  }
  const { heapTotal, heapUsed, arrayBuffers } = process.memoryUsage();
  const ofV8 = { heap: heapTotal, heapUsed, arrayBuffers };
  return Object.fromEntries([
    ...Object.entries(parts).map(([name, kb]) => [name, mb(kb)]),
    ...Object.entries(ofV8).map(([name, bytes]) => [name, mb(bytes / 1024)]),
  ]);
}
