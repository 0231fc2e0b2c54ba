import { createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import type { KeyKind } from './key-kinds.js';
import { KmsRefusal } from './kms-refusal.js';

export type FakeState = 'Enabled' | 'Disabled' | 'PendingImport' | 'PendingDeletion';

export interface FakeKeyOptions {
  readonly arnPrefix: string;
  readonly kind: KeyKind;
  readonly origin: 'AWS_KMS' | 'EXTERNAL';
  readonly description: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

const WHY: Readonly<Record<FakeState, string>> = {
  Enabled: 'is enabled',
  Disabled: 'is disabled',
  PendingImport: 'is pending import',
  PendingDeletion: 'is pending deletion',
};

/** A key of the account, with its state and, where it has any, its material. */
export class FakeKey {
  readonly id = randomUUID();
  readonly arn: string;
  readonly kind: KeyKind;
  readonly tags: Map<string, string>;
  state: FakeState;
  privateKey: KeyObject | undefined;
  /** The public half of the first material; no other may ever follow. */
  spki: Buffer | undefined;
  expirationModel: string | undefined;
  deletionMs: number | undefined;

  constructor(readonly options: FakeKeyOptions) {
    this.arn = `${options.arnPrefix}key/${this.id}`;
    this.kind = options.kind;
    this.tags = new Map(options.tags);
    this.state = options.origin === 'EXTERNAL' ? 'PendingImport' : 'Enabled';
  }

  get isExternal(): boolean {
    return this.options.origin === 'EXTERNAL';
  }

  takeMaterial(privateKey: KeyObject): void {
    this.privateKey = privateKey;
    this.spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  }

  /** Refuses states other than these, as the table of key states has it. */
  require(...allowed: readonly FakeState[]): void {
    if (allowed.includes(this.state)) return;
    const type = this.state === 'Disabled' ? 'DisabledException' : 'KMSInvalidStateException';
    throw new KmsRefusal(type, `${this.arn} ${WHY[this.state]}.`);
  }

  metadata(accountId: string): Record<string, unknown> {
    const { description, origin, nowMs } = this.options;
    return {
      AWSAccountId: accountId,
      KeyId: this.id,
      Arn: this.arn,
      CreationDate: nowMs / 1_000,
      Enabled: this.state === 'Enabled',
      Description: description,
      KeyUsage: 'SIGN_VERIFY',
      KeyState: this.state,
      Origin: origin,
      KeyManager: 'CUSTOMER',
      KeySpec: this.kind.keySpec,
      CustomerMasterKeySpec: this.kind.keySpec,
      SigningAlgorithms: Object.keys(this.kind.algorithms),
      MultiRegion: false,
      ...(this.deletionMs !== undefined && { DeletionDate: this.deletionMs / 1_000 }),
      ...(this.expirationModel && { ExpirationModel: this.expirationModel }),
    };
  }
}
