import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./hold-embedded-postgres.mjs', import.meta.url));

/** Another process that starts the embedded PostgreSQL of `dataDir` and holds it until it is killed. */
export class Holder {
  private constructor(private readonly child: ChildProcess) {}

  static spawn(dataDir: string): Holder {
    return new Holder(spawn(process.execPath, [PROGRAM, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  /** The owner's URL, once the server runs. Rejects where it does not start. */
  async ownerUrl(): Promise<string> {
    const line = once(this.child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
    const [output] = (await Promise.race([line, this.exit()])) as [Buffer | number];
    if (!Buffer.isBuffer(output)) throw new Error(`the holder ended with ${output}`);
    return output.toString('utf8').trim();
  }

  /** Kills the process, which gets no chance to end the server. */
  async kill(): Promise<void> {
    const gone = this.exit();
    this.child.kill('SIGKILL');
    await gone;
  }

  private async exit(): Promise<unknown[]> {
    const { exitCode, signalCode } = this.child;
    return exitCode === null && signalCode === null ? once(this.child, 'exit') : [exitCode];
  }
}
