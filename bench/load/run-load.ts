import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadMessage, LoadPlan, LoadReport } from './load-plan.js';

const PROGRAM = fileURLToPath(new URL('load-process.js', import.meta.url));

/** What to do as the measured window opens and closes. */
export interface WindowHooks {
  readonly opened: () => void;
  readonly closed: () => void;
}

/** Runs a plan in a process of its own. Throws where the load breaks: a connection closed, an answer it cannot read. */
export function runLoad(plan: LoadPlan, hooks: WindowHooks): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let report: LoadReport | undefined;
    child.on('message', (message: LoadMessage) => {
      if (message.type === 'report') report = message.report;
      else hooks[message.type]();
    });
    child.on('error', reject);
    child.on('close', (code) =>
      report ? resolve(report) : reject(new Error(`the load ended with exit code ${code}`)),
    );
    child.send(plan);
  });
}
