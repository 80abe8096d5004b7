/**
 * `mosaic build record`: one signed record.
 */
import type { Command } from 'commander';
import { EXIT_HELP } from './exit-code.ts';
import type { Host } from './host.ts';
import { addOutputOptions, OUTPUT_HELP, type OutputOptions, writeBuilt } from './output.ts';
import { KIND_HELP } from './parse-kind.ts';
import { TAG_HELP } from './parse-tag.ts';
import { addRecordOptions, makeRecord, type RecordOptions } from './record-options.ts';
import { readPassword, readSecretKey, SECRET_HELP } from './secret-source.ts';

interface BuildRecordOptions extends RecordOptions, OutputOptions {
  readonly kind: string;
  readonly secret?: string;
  readonly passwordStdin?: true;
}

const HELP = `${KIND_HELP}
${TAG_HELP}
${SECRET_HELP}

--zstd only marks the payload: compress it before, for instance with the zstd command. Servers and
this command leave payloads as they are.
${OUTPUT_HELP}

Examples:
  export MOSAIC_SECRET_KEY=@alice.key
  mosaic build record --kind microblog-root --payload 'Hello, world'
  mosaic build record --kind reply-comment --payload @answer.txt --out answer.record \\
    --tag reply=microblog-root,moref0… --tag notify=mopub0…
  mosaic build record --kind blog-post --nonce name:my-first-post --payload - < post.md
  zstd -c photo.svg | mosaic build record --kind 99:7:unique,everybody --zstd --payload -
  mosaic build record --kind 99:1:0x04 --from-author --secret @phone.key --author mopub0…
${EXIT_HELP}`;

/** Adds `record` to `build`. */
export function registerBuildRecord(build: Command, host: Host): void {
  const command = build
    .command('record')
    .summary('make and sign a record')
    .description('Makes a record, signs it, and prints it.')
    .requiredOption('--kind <kind>', 'what the record is; see below')
    .option('--secret <key>', 'the key that signs; default: MOSAIC_SECRET_KEY')
    .option('--password-stdin', 'take the password of an encrypted key from standard input');
  addOutputOptions(addRecordOptions(command), 'human')
    .addHelpText('after', HELP)
    .action(async (options: BuildRecordOptions) => {
      const password = options.passwordStdin === true ? await readPassword(host) : undefined;
      const readKey = () => readSecretKey(host, options.secret, password);
      const record = await makeRecord(host, options.kind, options, readKey);
      writeBuilt(host, record.bytes, options, true);
    });
}
