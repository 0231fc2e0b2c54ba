import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually, within } from '../harness/eventually.js';
import { PROJECT, cleanEnvironment } from './project-folder.js';

/** What is kept of what it printed, from its end. */
const KEEP = 2_000_000;
/** A busy machine takes its time. */
const START_WITHIN_MS = 90_000;

/** A built program, started without npm. */
export class BuiltProcess {
  #printed = '';
  readonly #ended: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    /** Where it listens. */
    readonly url: string,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream
        ?.setEncoding('utf8')
        .on('data', (text: string) => (this.#printed = (this.#printed + text).slice(-KEEP)));
    this.#ended = once(child, 'close');
  }

  /** Resolves once it says that it is up, in these words. `main` is a path in the project's folder. */
  static async start(main: string, env: Record<string, string>, words: string): Promise<BuiltProcess> {
    const child = spawn(process.execPath, ['--enable-source-maps', main], {
      cwd: PROJECT,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const built = new BuiltProcess(child, `http://127.0.0.1:${env['CLAVIGER_PORT']}`);
    await eventually(
      () => `${main} says “${words}”\n${built.printed}`,
      () => {
        if (child.exitCode !== null) throw new Error(`${main} ended\n${built.printed}`);
        return built.printed.includes(words);
      },
      START_WITHIN_MS,
    );
    return built;
  }

  /** A worker, which may have kinds of jobs of its own. */
  static worker(main: string, env: Record<string, string>): Promise<BuiltProcess> {
    return BuiltProcess.start(main, env, 'Claviger runs jobs');
  }

  get pid(): number {
    return this.child.pid as number;
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
    await within(30_000, () => `the process ends\n${this.#printed}`, this.#ended);
    return this.child.exitCode;
  }
}
