// Whether the service in this container is ready: for engines that look by running a command.
const url = 'http://127.0.0.1:8445/readyz';
try {
  const { ok } = await fetch(url, { signal: AbortSignal.timeout(4000) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
