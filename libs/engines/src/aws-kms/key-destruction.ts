import {
  DeleteImportedKeyMaterialCommand,
  DisableKeyCommand,
  ScheduleKeyDeletionCommand,
  type KeyMetadata,
} from '@aws-sdk/client-kms';
import type { EngineKeyRef } from '../engine.js';
import type { AwsKmsSettings } from './aws-kms-settings.js';
import type { KmsConnection } from './kms-connection.js';
import { faultName } from './kms-faults.js';
import { findKey, unnameKey } from './kms-key.js';
import { aliasOf } from './kms-names.js';
import { isLeaving } from './key-state.js';

/** Makes an end of keys: at once for use, and for good after the days that AWS keeps them. */
export class KeyDestruction {
  constructor(
    private readonly connection: KmsConnection,
    private readonly settings: Pick<AwsKmsSettings, 'aliasPrefix' | 'deletionWindowDays'>,
  ) {}

  /** Succeeds for a key that is gone or going. The alias is taken away in any case. */
  async destroy(ref: EngineKeyRef, arn: string): Promise<void> {
    const { tenantId } = ref;
    const metadata = await findKey(this.connection, tenantId, arn);
    if (metadata) await this.#end(tenantId, arn, metadata);
    await unnameKey(this.connection, tenantId, aliasOf(this.settings.aliasPrefix, ref));
  }

  async #end(group: string, arn: string, metadata: KeyMetadata): Promise<void> {
    try {
      await this.#stop(group, arn, metadata);
      if (isLeaving(metadata.KeyState)) return;
      const days = { PendingWindowInDays: this.settings.deletionWindowDays };
      await this.connection.call(group, new ScheduleKeyDeletionCommand({ KeyId: arn, ...days }));
    } catch (error) {
      // Another attempt, or one whose answer was lost, was first.
      if (!['KMSInvalidStateException', 'NotFoundException'].includes(faultName(error))) throw error;
      const now = await findKey(this.connection, group, arn);
      if (now && !isLeaving(now.KeyState)) throw error;
    }
  }

  /** Deletion can be called off, so material that came from us is deleted even of a key that is leaving. */
  async #stop(group: string, arn: string, { KeyState, Origin }: KeyMetadata): Promise<void> {
    if (Origin === 'EXTERNAL') {
      if (KeyState === 'PendingImport') return;
      await this.connection.call(group, new DeleteImportedKeyMaterialCommand({ KeyId: arn }));
    } else if (KeyState === 'Enabled') {
      await this.connection.call(group, new DisableKeyCommand({ KeyId: arn }));
    }
  }
}
