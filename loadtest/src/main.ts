/** Where `npm run loadtest` starts. */
import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2), {
  write: (line) => void process.stdout.write(`${line}\n`),
  say: (line) => void process.stderr.write(`${line}\n`),
});
