/** One thing that was looked at. `fail`: Claviger does not start, or not safely; `warn`: it does, but mind this. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail });
export const warn = (name: string, detail: string): Check => ({ name, status: 'warn', detail });
export const fail = (name: string, detail: string): Check => ({ name, status: 'fail', detail });

/** What an error says; for those that an operator can do something about it is one sentence. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
