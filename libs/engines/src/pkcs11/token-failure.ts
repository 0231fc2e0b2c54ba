import type { Failure, FailureKind } from './token-protocol.js';

/** A call that failed for a reason that has a name. */
export class TokenFailure extends Error {
  override readonly name = 'TokenFailure';

  constructor(readonly failure: Failure) {
    super(failure.reason);
  }

  static of(kind: FailureKind, reason: string): TokenFailure {
    return new TokenFailure({ kind, reason });
  }
}

export const hasKind = (error: unknown, ...kinds: readonly FailureKind[]): boolean =>
  error instanceof TokenFailure && kinds.includes(error.failure.kind);

/** What a return value of PKCS#11 (§5.1 of 2.40) means for the call and for the child. */
type Meaning = 'pin' | 'session' | 'handle' | 'device' | 'refused' | 'unclear';

const MEANINGS: readonly (readonly [Exclude<Meaning, 'unclear'>, readonly number[]])[] = [
  // INCORRECT, INVALID, LEN_RANGE, EXPIRED, LOCKED, USER_PIN_NOT_INITIALIZED, USER_TYPE_INVALID
  ['pin', [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102, 0x103]],
  // OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, SESSION_CLOSED, COUNT, HANDLE_INVALID, READ_ONLY
  ['session', [0x90, 0x91, 0xb0, 0xb1, 0xb3, 0xb5]],
  // KEY_HANDLE_INVALID, OBJECT_HANDLE_INVALID, UNWRAPPING_KEY_HANDLE_INVALID
  ['handle', [0x60, 0x82, 0xf0]],
  // SLOT_ID_INVALID, DEVICE_REMOVED, TOKEN_NOT_PRESENT, TOKEN_NOT_RECOGNIZED, CRYPTOKI_NOT_INITIALIZED. Not
  // USER_NOT_LOGGED_IN: some keys ask for a login of their own, while the token is well.
  ['device', [0x03, 0x32, 0xe0, 0xe1, 0x190]],
  [
    'refused',
    [
      // ARGUMENTS_BAD, ATTRIBUTE_*, ACTION_PROHIBITED, DATA_INVALID, DATA_LEN_RANGE, FUNCTION_NOT_SUPPORTED
      ...[0x07, 0x10, 0x11, 0x12, 0x13, 0x1b, 0x20, 0x21, 0x54],
      // KEY_SIZE_RANGE, KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED, MECHANISM_*, TEMPLATE_*, WRITE_PROTECTED
      ...[0x62, 0x63, 0x68, 0x70, 0x71, 0xd0, 0xd1, 0xe2],
      // DOMAIN_PARAMS_INVALID, CURVE_NOT_SUPPORTED
      ...[0x130, 0x140],
    ],
  ],
];

/** What pkcs11js threw, by its return value; whatever has none is unclear. */
export function meaningOf(error: unknown): Meaning {
  const { code } = error as { code?: unknown };
  return MEANINGS.find(([, codes]) => codes.includes(code as number))?.[0] ?? 'unclear';
}

/** HOST_MEMORY, DEVICE_ERROR, DEVICE_MEMORY, and what the token was not even asked: whatever was wrapped. */
const OF_THE_TOKEN: readonly unknown[] = [0x02, 0x30, 0x31, undefined];

/**
 * Whether it can be what was wrapped that C_UnwrapKey failed at. There are values for that, and tokens answer any other
 * (SoftHSM 2.6: GENERAL_ERROR, FUNCTION_FAILED), so it is all that does not clearly mean something else.
 */
export const isOfWrapped = (error: unknown): boolean =>
  ['refused', 'unclear'].includes(meaningOf(error)) &&
  !OF_THE_TOKEN.includes((error as { code?: unknown }).code);

/** `CKR_…` where pkcs11js says it, else only what kind of error it was: messages may quote what was given. */
export function reasonOf(error: unknown): string {
  const name = error instanceof Error ? /CKR_[A-Z0-9_]+/.exec(error.message)?.[0] : undefined;
  return name ?? (error instanceof Error ? error.name : 'unknown');
}
