// Starts the service that the first argument names: what a container of the image runs.
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption', 'standalone', 'admin'];
const [service] = process.argv.splice(2, 1);
if (SERVICES.includes(service)) {
  await import(`./services/${service}/dist/main.js`);
} else {
  const isHelp = service === '--help';
  const text = `Say which service: ${SERVICES.join(', ')}. Each has --help.\n`;
  (isHelp ? process.stdout : process.stderr).write(text);
  process.exitCode = isHelp ? 0 : 2;
}
