// Starts what the first argument names: what a container of the image runs. Node.js is process 1 there;
// every service handles the signals that end it and leaves no children behind.
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption', 'standalone', 'admin'];
const [name] = process.argv.splice(2, 1);
if (SERVICES.includes(name)) {
  await import(`./services/${name}/dist/main.js`);
} else if (name === 'mosaic') {
  await import('./libs/client/dist/command/main.js');
} else if (name === 'server-key-secret') {
  const { makeServerKey } = await import('./server-key-secret.mjs');
  try {
    const outcome = await makeServerKey(process.argv.slice(2), process.env);
    process.stdout.write(`server key: ${outcome}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
} else {
  const isHelp = name === '--help';
  const text = `Say what: ${[...SERVICES, 'mosaic'].join(', ')}. Each has --help.\n`;
  (isHelp ? process.stdout : process.stderr).write(text);
  process.exitCode = isHelp ? 0 : 2;
}
