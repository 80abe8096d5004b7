/** A generator process: does what its parent tells it, one command at a time. */
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { LoadError } from '../load-error.ts';
import {
  type CommandReply,
  type CommandRequest,
  Generator,
  type GeneratorSetup,
} from './commands.ts';

const setup = JSON.parse(process.argv[2] ?? '{}') as GeneratorSetup;
const generator = new Generator(setup, await nativeSigningTools());

async function answer({ id, name, input }: CommandRequest): Promise<CommandReply> {
  try {
    const command = generator[name] as (...input: unknown[]) => Promise<unknown>;
    return { id, result: await command.apply(generator, [...input]) };
  } catch (error) {
    const isExpected = error instanceof LoadError;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { id, error: isExpected ? error.message : text, isExpected };
  }
}

process.on('message', (request: CommandRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
// The parent is gone: nobody will ask for anything any more.
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, result: undefined } satisfies CommandReply);
