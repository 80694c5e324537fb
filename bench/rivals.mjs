// The products that benchmarks run beside ours. Installed on first use into bench/.rivals (ignored), never dependencies of ours.
// A rival that does not install here (no prebuild, no compiler) is reported and left out.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '.rivals');

/** How long one may take to install: whoever has less time says so. */
export const installs = { msMax: 900_000 };

/** Why a rival did not install, in a line. @param name a part of the package's */
export function whyLeftOut(name) {
  const home = existsSync(folder) ? readdirSync(folder).find((one) => one.includes(name)) : undefined;
  const failed = home && join(folder, home, 'failed');
  if (!failed || !existsSync(failed)) return 'it does not load';
  return `it did not install: ${readFileSync(failed, 'utf8').trim().split('\n').slice(0, 2).join(' ')}`;
}

/** @returns the module, or undefined (said on stderr). One folder per rival: a failed install breaks no other. */
export function loadRival(name, version) {
  const home = join(folder, `${name.replace('/', '+')}@${version}`);
  const require = createRequire(join(home, 'package.json'));
  const load = () => {
    try {
      return require(name);
    } catch {
      return undefined;
    }
  };
  const failed = join(home, 'failed');
  let module = load();
  if (module || existsSync(failed)) return module;
  mkdirSync(home, { recursive: true });
  // npm runs the install script of no package that its project does not name here; theirs unpack a prebuild or compile.
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({ private: true, allowScripts: { [name]: true } }),
  );
  console.error(`installing ${name}@${version} into ${home} ...`);
  const args = ['i', '--prefix', home, '--no-audit', '--no-fund', `${name}@${version}`];
  const done = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: installs.msMax });
  module = load();
  if (!module) {
    const late =
      done.error?.code === 'ETIMEDOUT' ? `not done after ${Math.round(installs.msMax / 1000)} s; ` : '';
    writeFileSync(failed, `${late}${done.stderr}`);
    console.error(
      `${name}@${version} did not install, left out (reason in ${failed}; delete that file to try again)`,
    );
  }
  return module;
}
