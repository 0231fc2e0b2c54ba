import type { Handle, PKCS11 } from 'pkcs11js';
import { CKF } from '../cryptoki.js';

/** Sessions that are lent to one operation each; a second one beside it would be answered CKR_OPERATION_ACTIVE. */
export class SessionPool {
  readonly #idle: Handle[] = [];
  readonly #waiting: ((session: Handle) => void)[] = [];
  #size = 0;

  constructor(
    private readonly lib: PKCS11,
    private readonly slot: Handle,
  ) {}

  get size(): number {
    return this.#size;
  }

  /** Opens as many sessions as it can, up to `wanted`. Throws what the library throws when it cannot open even one. */
  fill(wanted: number): void {
    while (this.#size < wanted) {
      try {
        this.#idle.push(this.open());
      } catch (error) {
        if (this.#size > 0) return;
        throw error;
      }
      this.#size += 1;
    }
  }

  take(): Handle | Promise<Handle> {
    return this.#idle.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(session: Handle): void {
    const next = this.#waiting.shift();
    if (next) next(session);
    else this.#idle.push(session);
  }

  /** A new session for one in which an operation failed: what it would do next is anyone's guess. */
  renew(session: Handle): Handle {
    try {
      this.lib.C_CloseSession(session);
    } catch {
      // It was closed already.
    }
    return this.open();
  }

  /** One more, which is not lent. */
  open(): Handle {
    return this.lib.C_OpenSession(this.slot, CKF.SERIAL_SESSION | CKF.RW_SESSION);
  }
}
