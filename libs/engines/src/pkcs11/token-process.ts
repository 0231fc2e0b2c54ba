import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { DeviceCall } from './device-call.js';
import { TokenFailure } from './token-failure.js';
import type { FromChild, ToChild } from './token-protocol.js';

const SECRETS_FD = 4;
/** How often it is looked whether a call took too long. */
const WATCH_MS = 50;
/** After that a child that was let go of is killed. */
const END_WITHIN_MS = 1_000;
/** Nothing of this process's own environment: it holds secrets, and names code to be loaded. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface TokenProcessPlan {
  /** Path of the child's program. */
  readonly program: string;
  /** What the vendor's library reads; no secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Threads for calls that the token takes its time for. */
  readonly threads: number;
}

interface SentCall {
  readonly call: DeviceCall;
  /** The token answered, whatever it said; or it never will. */
  readonly settled: () => void;
}

/** The child process in which a vendor's library runs. When it ends, every call fails as `lost`. */
export class TokenProcess {
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #sent = new Map<number, SentCall>();
  #lastCall = 0;
  #watch: NodeJS.Timeout | undefined;
  /** Why no call can be sent any more. */
  #gone: TokenFailure | undefined;

  /** `onGone` hears at once that no call can be sent any more; those under way have failed by then. */
  constructor(
    plan: TokenProcessPlan,
    private readonly onGone: (failure: TokenFailure) => void,
  ) {
    this.#child = spawn(process.execPath, [plan.program], {
      cwd: '/',
      env: { ...plan.environment, PATH, UV_THREADPOOL_SIZE: String(plan.threads) },
      // What a vendor's library prints may be anything, a PIN for example.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', 'pipe'],
    });
    this.#child.on('message', (message) => this.#answered(message));
    this.#secrets.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#fail(TokenFailure.of('lost', error.name));
        resolve();
      });
      this.#child.on('exit', (code, signal) => {
        this.#fail(TokenFailure.of('lost', `the child ended by ${signal ?? `exit code ${code}`}`));
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /** Sends a call. `settled` is called once, when it has an answer or will never have one. */
  send(call: DeviceCall, settled: () => void = () => undefined): void {
    if (this.#gone) {
      settled();
      return call.reject(this.#gone);
    }
    const id = (this.#lastCall += 1);
    call.deadline = performance.now() + call.timeoutMs;
    this.#sent.set(id, { call, settled });
    const { secret } = call;
    if (secret) this.#secrets.write(secret, () => secret.fill(0));
    const message: ToChild = [id, call.operation, call.args];
    this.#child.send(message, (error) => {
      if (error) this.#fail(TokenFailure.of('lost', 'the channel to the child broke'));
    });
    this.#watch ??= setTimeout(() => this.#overdue(), WATCH_MS);
  }

  /** Ends the child whatever it is doing. */
  kill(reason: string): void {
    this.#fail(TokenFailure.of('lost', reason));
  }

  /** Lets go of the child, which then ends; calls under way fail. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS);
    this.#settleAll(TokenFailure.of('lost', 'the engine was closed'), () => undefined);
    await this.ended;
    clearTimeout(late);
  }

  get #secrets(): Writable {
    return this.#child.stdio[SECRETS_FD] as Writable;
  }

  #answered(message: unknown): void {
    if (!Array.isArray(message)) return this.kill('the child said what nobody asked');
    const [id, result, failure] = message as unknown as FromChild;
    const sent = this.#sent.get(id);
    if (!sent) return;
    this.#sent.delete(id);
    sent.settled();
    if (!failure) return sent.call.resolve(result);
    sent.call.reject(new TokenFailure(failure));
    if (failure.kind === 'device') this.kill(failure.reason);
  }

  /** A call that takes too long cannot be called back, and the thread it holds is lost: the child goes with it. */
  #overdue(): void {
    const now = performance.now();
    this.#watch = undefined;
    for (const { call } of this.#sent.values()) {
      if (call.deadline <= now) return this.kill(`${call.operation} took longer than ${call.timeoutMs} ms`);
    }
    if (this.#sent.size > 0) this.#watch = setTimeout(() => this.#overdue(), WATCH_MS);
  }

  #fail(failure: TokenFailure): void {
    this.#child.kill('SIGKILL');
    this.#settleAll(failure, this.onGone);
  }

  #settleAll(failure: TokenFailure, tell: (failure: TokenFailure) => void): void {
    if (this.#gone) return;
    this.#gone = failure;
    clearTimeout(this.#watch);
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    for (const { call, settled } of sent) {
      settled();
      call.reject(failure);
    }
    tell(failure);
  }
}
