// Asserts the Node that really runs the project's scripts. The npm package `node` puts a newer Node on the path of
// `npm run`; with install scripts blocked it silently falls back to the machine's own, and this says so.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `This project is developed on Node 22.18 or newer, but ${process.execPath} is ${process.version}.\n` +
      'The devDependency "node" brings one at install time. If npm blocked its install script, allow it and install again:\n' +
      '  npm install-scripts approve node   (or: npm ci --ignore-scripts=false)',
  );
  process.exit(1);
}
