import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually, within } from '../harness/eventually.js';
import { PROJECT, cleanEnvironment } from './project-folder.js';

/** The built worker, with kinds of jobs that a test brings along. */
export class WorkerProcess {
  #printed = '';
  readonly #ended: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    /** Where it says how it is. */
    readonly url: string,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#printed += text));
    this.#ended = once(child, 'close');
  }

  /** Resolves once it runs jobs. `main` is a path in the project's folder. */
  static async start(main: string, env: Record<string, string>): Promise<WorkerProcess> {
    const child = spawn(process.execPath, ['--enable-source-maps', main], {
      cwd: PROJECT,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const worker = new WorkerProcess(child, `http://127.0.0.1:${env['CLAVIGER_PORT']}`);
    await eventually(
      () => `the worker runs jobs\n${worker.printed}`,
      () => {
        if (child.exitCode !== null) throw new Error(`the worker ended\n${worker.printed}`);
        return worker.printed.includes('Claviger runs jobs');
      },
    );
    return worker;
  }

  get printed(): string {
    return this.#printed;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }

  /** As a service manager ends it; gives its exit code. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    await within(30_000, () => `the worker ends\n${this.#printed}`, this.#ended);
    return this.child.exitCode;
  }
}
