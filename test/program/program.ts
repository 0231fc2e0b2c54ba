import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually, within } from '../harness/eventually.js';
import { PROJECT, cleanEnvironment } from './project-folder.js';

/** What is kept of what it printed. */
const KEEP = 1_000_000;

/** The program as its user starts it: `npm start`, in the project's folder. */
export class Program {
  /** Everything it printed, but for the middle where that is much. */
  #out = '';
  #err = '';
  readonly #ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;

  private constructor(private readonly npm: ChildProcess) {
    npm.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    npm.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#err = (this.#err + text).slice(-KEEP)));
    this.#ended = once(npm, 'close').then(([exitCode, signal]) => ({ exitCode, signal }));
  }

  /** `foreground`: with a process group of its own, as a shell gives to what it runs in the foreground. */
  static launch(env: Record<string, string>, options: { foreground?: boolean } = {}): Program {
    const npm = spawn('npm', ['start'], {
      cwd: PROJECT,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.foreground ?? false,
    });
    return new Program(npm);
  }

  /** Resolves once it listens; rejects with what it printed where it ends instead. */
  async listens(withinMs = 90_000): Promise<this> {
    let over = false;
    void this.#ended.then(() => (over = true));
    await eventually(
      () => `the program listens\n${this.printed}`,
      () => {
        if (over) throw new Error(`the program ended instead of listening\n${this.printed}`);
        return this.#pid !== undefined;
      },
      withinMs,
    );
    return this;
  }

  /** Where it said that it listens. */
  get url(): string {
    return this.#told(/^Claviger listens on (\S+)$/m);
  }

  /** The process that it said it is. */
  get pid(): number {
    return Number(this.#told(/^ {2}process +(\d+)$/m));
  }

  get npmPid(): number {
    return this.npm.pid as number;
  }

  /** What it printed on both streams. */
  get printed(): string {
    return `${this.#out}${this.#err}`;
  }

  /** How npm ended. Rejects where it does not in time. */
  ended(withinMs = 60_000): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }> {
    return within(withinMs, () => `the program ends\n${this.printed}`, this.#ended);
  }

  /** Ends it as a service manager does, and waits. */
  async stop(): Promise<void> {
    process.kill(this.pid, 'SIGTERM');
    await this.ended();
  }

  get #pid(): string | undefined {
    // The line is whole when the next has begun or it is ended.
    return /^ {2}process +(\d+)\n/m.exec(this.#out)?.[1];
  }

  #told(line: RegExp): string {
    const found = line.exec(this.#out)?.[1];
    if (found === undefined) throw new Error(`the program did not say ${line}\n${this.printed}`);
    return found;
  }

  /** The beginning has the banner, the end has what is wrong. */
  #keep(text: string): void {
    this.#out += text;
    if (this.#out.length > 2 * KEEP) this.#out = this.#out.slice(0, KEEP) + this.#out.slice(-KEEP);
  }
}
