import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSeconds, residentMiB } from '../process-usage.js';

export interface ServerOptions {
  /** The built program, from the project's folder. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** A new file for all it prints. */
  readonly logFile: string;
}

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const START_LIMIT_MS = 60_000;
const POLL_MS = 20;

/** A server as its user runs it: the built program, configured by its environment, its log going to a file. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  /** Resolves once it says where it listens. Throws, with what it printed, where it ends instead. */
  static async start({ program, env, logFile }: ServerOptions): Promise<ServerProcess> {
    const log = openSync(logFile, 'wx', 0o600);
    const child = spawn(process.execPath, ['--enable-source-maps', program], {
      cwd: PROJECT,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    for (const since = performance.now(); performance.now() - since < START_LIMIT_MS; await delay(POLL_MS)) {
      const port = /listens on http:\/\/127\.0\.0\.1:(\d+)\n/.exec(readFileSync(logFile, 'utf8'))?.[1];
      if (port !== undefined) return new ServerProcess(child, Number(port));
      if (child.exitCode !== null) break;
    }
    child.kill('SIGKILL');
    throw new Error(`${program} does not listen:\n${readFileSync(logFile, 'utf8')}`);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  cpuSeconds(): number {
    return cpuSeconds(this.pid);
  }

  residentMiB(): number {
    return residentMiB(this.pid);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, 'close');
    this.child.kill('SIGTERM');
    await closed;
  }
}
