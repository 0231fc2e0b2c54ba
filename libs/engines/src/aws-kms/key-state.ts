import type { KeyState } from '@aws-sdk/client-kms';
import { AppError } from '#kernel';

const refused = (detail: string) => (): AppError => new AppError('key_state', { detail });
const later = (detail: string, retryAfterS: number) => (): AppError =>
  new AppError('unavailable', { detail, retryAfterS });

const deletion = refused('The key is scheduled for deletion in AWS KMS.');
const atWork = later('AWS KMS is still at work on the key.', 5);

/** Why a key in this state does not sign; no entry for the one that does. */
const FAULTS: Readonly<Partial<Record<KeyState, () => AppError>>> = {
  Disabled: refused('The key is disabled in AWS KMS.'),
  PendingDeletion: deletion,
  PendingReplicaDeletion: deletion,
  PendingImport: refused('The key has no key material in AWS KMS.'),
  Creating: atWork,
  Updating: atWork,
  Unavailable: later('AWS KMS cannot reach the store that the key is in.', 30),
};

/** What to answer whoever wants to sign with a key in this state; `undefined` where it signs. */
export const stateFault = (state: KeyState | undefined): AppError | undefined =>
  state === undefined ? undefined : FAULTS[state]?.();

/** Whether there is material that signs, or would if the key were enabled. */
export const isComplete = (state: KeyState | undefined): boolean =>
  state === 'Enabled' || state === 'Disabled';

/** Whether there is nothing left to be done to be rid of it. */
export const isLeaving = (state: KeyState | undefined): boolean =>
  state === 'PendingDeletion' || state === 'PendingReplicaDeletion';
