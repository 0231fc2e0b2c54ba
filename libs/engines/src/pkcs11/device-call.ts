import type { TokenFailure } from './token-failure.js';
import type { TokenOperation } from './token-protocol.js';

/** Signs do not wait for what takes seconds. */
export type Lane = 'sign' | 'slow';

/** Something asked of a token, from the moment it is asked until it is answered. */
export interface DeviceCall {
  readonly operation: TokenOperation;
  readonly args: unknown;
  /** Bytes that go beside the message; a copy, wiped when they are out. */
  readonly secret?: Buffer;
  /** Milliseconds it may wait for its turn, and again that the token may take for it. */
  readonly timeoutMs: number;
  /** Of `performance.now()`: when it was asked, or sent, and `timeoutMs` later. */
  deadline: number;
  resolve(result: unknown): void;
  reject(failure: TokenFailure): void;
}

/** A call with whom it is for: tenants take turns. */
export interface QueuedCall extends DeviceCall {
  readonly lane: Lane;
  readonly tenantId: string;
}
