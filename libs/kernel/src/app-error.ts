import { ERROR_TABLE, type ErrorCode, type ErrorRow } from './error-table.js';

/** A place in the request and why it was refused; `path` is a JSON Pointer or a parameter's name. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface AppErrorOptions {
  /** Public sentence for this occurrence. Never an identifier of another object, never driver text. */
  readonly detail?: string;
  /** Private cause, logged and never answered. */
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** Further public members of the problem document, e.g. `existing_key_id`. */
  readonly extensions?: Readonly<Record<string, string | number>>;
  /** Seconds for `Retry-After`. */
  readonly retryAfterS?: number;
}

/** All that is thrown on purpose. One global filter renders it (RFC 9457). */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly extensions: Readonly<Record<string, string | number>>;
  readonly retryAfterS: number | undefined;

  constructor(
    readonly code: ErrorCode,
    options: AppErrorOptions = {},
  ) {
    super(options.detail ?? ERROR_TABLE[code].title, { cause: options.cause });
    this.detail = this.message;
    this.errors = options.errors ?? [];
    this.extensions = options.extensions ?? {};
    this.retryAfterS = options.retryAfterS;
  }

  get row(): ErrorRow {
    return ERROR_TABLE[this.code];
  }
}
