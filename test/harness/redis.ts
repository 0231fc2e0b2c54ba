import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

const PASSWORD = 'only-for-tests';

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A Redis of the test's own, on its own port and in its own folder. It can be lost with all that is in it. */
export class RedisServer {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), mkdtempSync(join(tmpdir(), 'claviger-redis-')));
    await server.run();
    return server;
  }

  /** With its credentials. */
  get url(): string {
    return `redis://:${PASSWORD}@127.0.0.1:${this.port}`;
  }

  /** Starts it, empty. */
  async run(): Promise<void> {
    const settings = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.folder];
    const memory = ['--save', '', '--appendonly', 'no', '--requirepass', PASSWORD];
    this.#process = spawn('redis-server', [...settings, ...memory], { stdio: 'ignore' });
    const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => 20 });
    client.on('error', () => undefined);
    try {
      for (let left = 250; (await client.ping().catch(() => '')) !== 'PONG'; left -= 1) {
        if (left === 0) throw new Error('redis-server does not answer');
        await delay(20);
      }
    } finally {
      client.disconnect();
    }
  }

  /** Every key with all that it holds, as the server would store it. */
  async dump(): Promise<Map<string, Buffer>> {
    const client = new Redis(this.url);
    try {
      // Else longer texts are not to be found in it.
      await client.config('SET', 'rdbcompression', 'no');
      const keys = await client.keys('*');
      const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
      return new Map(keys.map((key, index) => [key, values[index] ?? Buffer.alloc(0)]));
    } finally {
      client.disconnect();
    }
  }

  /** kill -9: nothing of what it held is left. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child) return;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
