import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadMessage, LoadPlan, LoadReport } from './load-plan.js';

const PROGRAM = fileURLToPath(new URL('load-process.js', import.meta.url));

/** What to do as the measured window opens and closes. */
export interface WindowHooks {
  readonly opened: () => void;
  readonly closed: () => void;
}

/**
 * A process of its own that puts load on servers, one plan after the other: kept, so that its start and the compiling of
 * its code disturb no window.
 */
export class LoadGenerator {
  readonly #child: ChildProcess = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });

  /** Runs a plan. Throws where the load breaks: a connection closed, an answer it cannot read. */
  run(plan: LoadPlan, hooks: WindowHooks): Promise<LoadReport> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const end = (): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const onMessage = (message: LoadMessage): void => {
        if (message.type !== 'report') return hooks[message.type]();
        end();
        resolve(message.report);
      };
      const onExit = (code: number | null): void => {
        end();
        reject(new Error(`the load ended with exit code ${code}`));
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      if (!child.connected) return onExit(child.exitCode);
      child.send(plan);
    });
  }

  async stop(): Promise<void> {
    if (!this.#child.connected) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
