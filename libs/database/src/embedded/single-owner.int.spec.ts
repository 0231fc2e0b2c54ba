import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDataFolder } from '../../test/data-folder.js';
import { EmbeddedPostgres } from './embedded-postgres.js';

let dataDir: string;
let remove: () => void;
let told: () => void;
let waiting: Promise<void>;
const running = new Set<EmbeddedPostgres>();

const keep = (server: EmbeddedPostgres): EmbeddedPostgres => {
  running.add(server);
  return server;
};
const options = () => ({ dataDir, log: (message: string) => void (message.startsWith('waiting') && told()) });
const start = async (owner: 'api' | 'cli' = 'api') =>
  keep(await EmbeddedPostgres.start({ ...options(), owner }));
const joinOrStart = async () => keep(await EmbeddedPostgres.joinOrStart(options()));
async function answer(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('SELECT pg_backend_pid()');
  await client.end();
}
const owner = (): unknown => JSON.parse(readFileSync(join(dataDir, 'owner.json'), 'utf8'));

beforeEach(() => {
  ({ dataDir, remove } = makeDataFolder());
  waiting = new Promise((resolve) => (told = resolve));
});

afterEach(async () => {
  await Promise.all([...running].map((server) => server.stop()));
  running.clear();
  remove();
});

describe('a data folder has one server', () => {
  it('of several first starts at once, and the others take over one by one', async () => {
    let now = 0;
    const most: number[] = [];
    const turn = async (): Promise<void> => {
      const server = await start();
      now += 1;
      most.push(now);
      await answer(server.appUrl);
      now -= 1;
      await server.stop();
    };
    await Promise.all([turn(), turn(), turn(), turn()]);
    expect(most).toEqual([1, 1, 1, 1]);
  });

  it('and a second start waits for the first to end', async () => {
    const first = await start();
    const second = start();
    await waiting;
    await first.stop();
    expect((await second).ownerUrl).not.toBe(first.ownerUrl);
  });

  it('and a second start gives up, naming the process and the folder', async () => {
    await start();
    await expect(start()).rejects.toThrow(
      `already running: process ${process.pid} (claviger api) holds the data folder ${dataDir}`,
    );
  });
});

describe("the operator's tool", () => {
  it('joins the server of a running API and leaves it running', async () => {
    const api = await start();
    const joined = await joinOrStart();
    expect([joined.ownerUrl, joined.appUrl]).toEqual([api.ownerUrl, api.appUrl]);
    await joined.stop();
    const again = await joinOrStart();
    expect(again.ownerUrl).toBe(api.ownerUrl);
    expect(owner()).toMatchObject({ kind: 'api', pid: process.pid });
  });

  it('runs the server itself where no API does', async () => {
    await joinOrStart();
    expect(owner()).toMatchObject({ kind: 'cli', pid: process.pid });
  });

  it('is waited for by another of its kind, which joins nothing that is about to end', async () => {
    const first = await joinOrStart();
    const second = joinOrStart();
    await waiting;
    await first.stop();
    expect((await second).ownerUrl).not.toBe(first.ownerUrl);
  });

  it('is waited for by the API', async () => {
    const tool = await joinOrStart();
    const api = start();
    await waiting;
    await tool.stop();
    await api;
    expect(owner()).toMatchObject({ kind: 'api' });
  });
});
