/** Data folders: made, reused, kept from others, and never harmed. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSecretKey, generateSecretKey, hexEncode } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataFolder, openDataFolder } from './data-folder.ts';

let root: string;
let path: string;
const open: DataFolder[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mosaic-folder-'));
  path = join(root, 'data');
});
afterEach(async () => {
  for (const folder of open.splice(0)) await folder.close();
  await rm(root, { recursive: true, force: true });
});

async function openAt(where = path): Promise<DataFolder> {
  const folder = await openDataFolder(where);
  open.push(folder);
  return folder;
}

async function closeAll(): Promise<void> {
  for (const folder of open.splice(0)) await folder.close();
}

async function permissions(name: string): Promise<string> {
  return ((await stat(join(path, name))).mode & 0o777).toString(8);
}

describe('a data folder', () => {
  it('is made at the first start, for its owner only', async () => {
    const folder = await openAt();
    expect(folder.isNew).toBe(true);
    expect(await permissions('.')).toBe('700');
    expect(await permissions('server.key')).toBe('600');
    expect(await readFile(join(path, 'server.key'), 'utf8')).toMatch(/^mosec0[a-z0-9]+\n$/);
    expect(JSON.parse(await readFile(join(path, 'mosaic.json'), 'utf8'))).toMatchObject({
      mosaicData: 1,
    });
  });

  it('is reused at later starts', async () => {
    const first = await openAt();
    await closeAll();
    const second = await openAt();
    expect(second.isNew).toBe(false);
    expect(hexEncode(second.serverKey)).toBe(hexEncode(first.serverKey));
  });

  it('is refused to a second one as long as the first holds it', async () => {
    await openAt();
    await expect(openAt()).rejects.toMatchObject({
      kind: 'conflict',
      code: 'folder-in-use',
      message: expect.stringContaining(`in use by process ${process.pid}`) as string,
    });
    await closeAll();
    await openAt();
  });

  it('is taken over from a process that was killed', async () => {
    await openAt();
    await closeAll();
    await leaveSocketBehind(join(path, 'lock.sock'));
    expect(await readdir(path)).toContain('lock.sock');
    const results = await Promise.allSettled([openAt(), openAt(), openAt()]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('goes on with a first start that was cut short', async () => {
    await mkdir(path);
    const key = encodeSecretKey(generateSecretKey());
    await writeFile(join(path, 'server.key'), `${key}\n`, { mode: 0o600 });
    await writeFile(join(path, 'mosaic.json.mosaic.json.new'), '{"mos');
    expect((await openAt()).isNew).toBe(true);
    expect(await readFile(join(path, 'server.key'), 'utf8')).toBe(`${key}\n`);
  });

  it('may have a path that is too long for a socket', async () => {
    const long = join(root, 'x'.repeat(120), 'data');
    await openAt(long);
    await expect(openAt(long)).rejects.toMatchObject({ code: 'folder-in-use' });
  });
});

describe('what is not touched', () => {
  async function refusal(): Promise<{ readonly code: string; readonly message: string }> {
    const before = await contents();
    const error: unknown = await openAt().catch((reason: unknown) => reason);
    expect(await contents()).toEqual(before);
    return error as { code: string; message: string };
  }

  async function contents(): Promise<Record<string, string>> {
    const files: Record<string, string> = {};
    for (const name of await readdir(path)) {
      files[name] = await readFile(join(path, name), 'utf8').catch(() => 'a folder');
    }
    return files;
  }

  it('is a folder of something else', async () => {
    await mkdir(path);
    await writeFile(join(path, 'thesis.txt'), 'do not lose');
    const { code, message } = await refusal();
    expect(code).toBe('folder-foreign');
    expect(message).toContain('thesis.txt');
    expect(message).toContain('MOSAIC_DATA_DIR');
  });

  it('is a data folder with a file that does not belong there', async () => {
    await openAt();
    await closeAll();
    await writeFile(join(path, 'notes'), 'mine');
    expect(await refusal()).toMatchObject({ code: 'folder-foreign' });
  });

  it('is a key that cannot be read', async () => {
    await openAt();
    await closeAll();
    await writeFile(join(path, 'server.key'), 'mosec0garbage\n');
    const { code, message } = await refusal();
    expect(code).toBe('server-key');
    expect(message).toContain(join(path, 'server.key'));
  });

  it('is a key that others may read', async () => {
    await openAt();
    await closeAll();
    await chmod(join(path, 'server.key'), 0o644);
    expect((await refusal()).message).toContain('chmod 600');
  });

  it('is a folder of another format, or with a broken marker', async () => {
    await openAt();
    await closeAll();
    for (const text of ['{"mosaicData":2}', '{']) {
      await writeFile(join(path, 'mosaic.json'), text);
      expect(await refusal()).toMatchObject({ code: 'folder-format' });
    }
  });

  it('is a file where the folder should be', async () => {
    await writeFile(path, 'a file');
    await expect(openAt()).rejects.toMatchObject({ kind: 'unavailable', code: 'folder' });
    expect(await readFile(path, 'utf8')).toBe('a file');
  });
});

/** A socket as a killed process leaves it. */
async function leaveSocketBehind(socket: string): Promise<void> {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await new Promise((resolve) => {
    spawn(process.execPath, ['-e', script, socket]).once('exit', resolve);
  });
}
