/** What goes wrong with a call that nothing is wrong with. */
export type Fault =
  /** `echo`: its message tells the request, every header and the body. */
  | { readonly kind: 'refuse'; readonly code: string; readonly status?: number; readonly echo?: boolean }
  | { readonly kind: 'delay'; readonly ms: number }
  /** No answer, ever; nothing is done. */
  | { readonly kind: 'hang' }
  /** An answer that begins and never ends. */
  | { readonly kind: 'stall' }
  /** The work is done, and the connection ends without an answer. */
  | { readonly kind: 'drop' };

interface Planned {
  readonly operation: string;
  readonly fault: Fault;
  left: number;
}

export const THROTTLED: Fault = { kind: 'refuse', code: 'ThrottlingException' };
export const BROKEN: Fault = { kind: 'refuse', code: 'KMSInternalException', status: 500 };

/** The faults that are still to come, in the order they were planned in. */
export class FaultPlan {
  #planned: Planned[] = [];

  /** The next `times` calls of an operation, or of any by `*`, come to this. */
  plan(operation: string, fault: Fault, times = 1): void {
    this.#planned.push({ operation, fault, left: times });
  }

  clear(): void {
    this.#planned = [];
  }

  next(operation: string): Fault | undefined {
    const found = this.#planned.find(
      (planned) => planned.operation === operation || planned.operation === '*',
    );
    if (!found) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#planned = this.#planned.filter((planned) => planned !== found);
    return found.fault;
  }
}
