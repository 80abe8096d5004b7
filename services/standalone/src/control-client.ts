/** Asks a running server what only it knows; see `control-socket.ts`. */
import { request } from 'node:http';
import {
  decodeReport,
  type EarnedBan,
  encodeQuestion,
  type ProcessQuestion,
  type ProcessReport,
  type Standing,
  type SubjectName,
  type SubjectReport,
  type Usage,
} from '@mosaic-cluster/abuse';
import { MosaicError } from '@mosaic-cluster/protocol';
import { controlPath } from './control-path.ts';

/** Longest answer that is taken, in bytes. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 5_000;

/** What a running server can be asked. All throw `unavailable` (`server-away`) where none answers. */
export interface ServerControl {
  report(question: ProcessQuestion): Promise<ProcessReport>;
  bans(): Promise<readonly EarnedBan[]>;
  subject(subject: SubjectName, standing: Standing): Promise<SubjectReport>;
  pardon(subject: SubjectName): Promise<void>;
}

/** Asks the server that holds a data folder. */
export function serverControl(folder: string): ServerControl {
  return {
    report: async (question) => {
      const asked = encodeURIComponent(Buffer.from(encodeQuestion(question)).toString());
      const report = decodeReport(
        Buffer.from(await askText(folder, 'GET', `/report?question=${asked}`)),
      );
      if (report !== undefined) return report;
      throw away(folder, 'nobody knows what it answers: is it of another version?');
    },
    bans: async () => (await ask<{ bans: EarnedBan[] }>(folder, 'GET', '/bans')).bans,
    subject: async (subject, standing) => {
      const path = `/subjects/${encodeURIComponent(subject)}?standing=${standing}`;
      const told = await ask<ToldReport>(folder, 'GET', path);
      const refused = new Map(Object.entries(told.refused));
      return { ...told, ban: told.ban, usage: told.usage.map(withInfinity), refused };
    },
    pardon: async (subject) => {
      await ask(folder, 'POST', `/subjects/${encodeURIComponent(subject)}/pardon`);
    },
  };
}

/** JSON has no infinity: what is not limited is null there. */
type ToldUsage = Omit<Usage, 'limit' | 'ratePerSecond'> & {
  readonly limit: number | null;
  readonly ratePerSecond?: number | null;
};
type ToldReport = Omit<SubjectReport, 'refused' | 'usage'> & {
  readonly usage: readonly ToldUsage[];
  readonly refused: Readonly<Record<string, number>>;
};

function withInfinity({ limit, ratePerSecond, ...rest }: ToldUsage): Usage {
  return {
    ...rest,
    limit: limit ?? Number.POSITIVE_INFINITY,
    ratePerSecond: ratePerSecond === null ? Number.POSITIVE_INFINITY : ratePerSecond,
  };
}

async function ask<Told>(folder: string, method: 'GET' | 'POST', path: string): Promise<Told> {
  return JSON.parse(await askText(folder, method, path)) as Told;
}

async function askText(folder: string, method: 'GET' | 'POST', path: string): Promise<string> {
  const socketPath = await controlPath(folder);
  if (socketPath === undefined) {
    throw away(folder, 'its path is too long for the socket on which the server would answer');
  }
  const { status, text } = await exchange(folder, socketPath, method, path);
  if (status === 200) return text;
  throw away(folder, `it answers with ${status}: is it of another version?`);
}

function exchange(
  folder: string,
  socketPath: string,
  method: string,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(away(folder, cause.message, cause));
    const asked = request({ socketPath, method, path, timeout: ANSWER_TIMEOUT_MS }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) answer.destroy(new Error('its answer has no end'));
        else chunks.push(chunk);
      });
      answer.once('error', fail);
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    asked.once('timeout', () => asked.destroy(new Error('it does not answer')));
    asked.once('error', fail);
    asked.end();
  });
}

function away(folder: string, why: string, cause?: Error): MosaicError {
  const message = `the server of ${folder} cannot be asked: ${why}`;
  return new MosaicError('unavailable', 'server-away', message, { cause });
}
