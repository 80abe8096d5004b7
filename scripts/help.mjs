// What a script says of itself in its first lines is its help.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where the command line asks for help: prints the comment at the top of the script, and ends. */
export function helpOf(url) {
  if (!process.argv.slice(2).some((each) => each === '--help' || each === '-h')) return;
  const lines = readFileSync(fileURLToPath(url), 'utf8')
    .replace(/^#!.*\n/, '')
    .split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  process.stdout.write(
    `${lines
      .slice(0, end)
      .map((line) => line.replace(/^\/\/ ?/, ''))
      .join('\n')}\n`,
  );
  process.exit();
}
