import { unopenedKey } from '#crypto';
import { AppError } from '#kernel';
import { TokenFailure } from './token-failure.js';
import type { FailureKind, TokenChoice } from './token-protocol.js';

const DETAILS: Readonly<Record<FailureKind, string>> = Object.freeze({
  driver: 'This host has not got the packages that speak PKCS#11.',
  module: 'The PKCS#11 module does not load.',
  choice: 'The token is not there.',
  pin: 'The token refused the PIN, or is near to locking it. It is not tried again until an operator gives another, or tests the engine.',
  device: 'The token is away or does not answer.',
  failed: 'The token failed.',
  refused: 'The token does not do this with such a key.',
  unopened: 'The wrapped key does not open.',
  missing: 'The token does not hold the key.',
  exists: 'The token holds a key for this reference already.',
  lost: 'The token did not answer in time, or is away.',
});

const causeOf = ({ failure }: TokenFailure): Error =>
  new Error(`PKCS#11: ${failure.kind}, ${failure.reason}`);

/** What is told of a failure, for operators: no names of keys, no bytes. */
export const toldOf = ({ failure }: TokenFailure): string => `${DETAILS[failure.kind]} (${failure.reason})`;

/** Whether it is the key that is at fault, or not there, while the token is well. */
export const isOfKey = ({ failure }: TokenFailure): boolean =>
  ['failed', 'refused', 'missing'].includes(failure.kind);

/** What a failed call is answered with; anything else that was thrown stays what it is. */
export function callError(error: unknown, retryAfterS: number): unknown {
  if (!(error instanceof TokenFailure)) return error;
  const { kind } = error.failure;
  const detail = DETAILS[kind];
  if (kind === 'unopened') return unopenedKey();
  if (kind === 'refused' || kind === 'driver') {
    return new AppError('unsupported_by_engine', { detail, cause: causeOf(error) });
  }
  return new AppError('unavailable', { detail, cause: causeOf(error), retryAfterS });
}

/** What connecting throws: the setting that is at fault, where one is. */
export function connectError(error: unknown, choice: TokenChoice, retryAfterS: number): unknown {
  if (!(error instanceof TokenFailure)) return error;
  const { kind, reason } = error.failure;
  const several = kind === 'choice' && reason === 'several';
  const fault = {
    module: ['config.module', 'does not load as a PKCS#11 module'],
    choice: [`config.${choice.setting}`, several ? 'names more than one token' : 'names no token'],
    pin: ['secrets.pin', DETAILS.pin],
  }[kind as string];
  if (!fault) return callError(error, retryAfterS);
  const [path, message] = fault as [string, string];
  return new AppError('validation_failed', {
    detail: `${path} ${message}`,
    errors: [{ path, message }],
    cause: causeOf(error),
  });
}
