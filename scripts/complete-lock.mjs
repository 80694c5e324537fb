// Adds to package-lock.json the optional platform packages (darwin, win32, musl …) that npm leaves out when the current registry cannot
// serve them while the lock is made. `npm ci` refuses a lock without them. Run it after `npm install`; a complete lock is left as it is.
import { readFileSync, writeFileSync } from 'node:fs';

const systems = { android: 'android', darwin: 'darwin', linux: 'linux', win32: 'win32', freebsd: 'freebsd' };
const processors = { x64: 'x64', arm64: 'arm64', arm: 'arm', armv7: 'arm', ia32: 'ia32' };

const lockFile = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] !== undefined || lock.packages[`${path}/${place}`] !== undefined) continue;
    const parts = name.split(/[-/]/);
    const os = parts.map((part) => systems[part]).find((found) => found !== undefined);
    const cpu = parts.map((part) => processors[part]).find((found) => found !== undefined);
    lock.packages[place] = {
      version,
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(entry.dev === true ? { dev: true } : {}),
      optional: true,
      ...(os === undefined ? {} : { os: [os] }),
    };
    added += 1;
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} platform packages added`);
