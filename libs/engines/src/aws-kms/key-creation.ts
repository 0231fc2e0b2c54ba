import {
  CreateKeyCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
  type KeyMetadata,
  type OriginType,
} from '@aws-sdk/client-kms';
import { publicHalfOf, wrapPrivateKey, type KeySpec } from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import type { EngineKey, EngineKeyRef } from '../engine.js';
import type { AwsKmsSettings } from './aws-kms-settings.js';
import type { KmsConnection } from './kms-connection.js';
import type { KeyDestruction } from './key-destruction.js';
import { handleOf } from './key-handle.js';
import { evidenceOf, nameKey, publicKeyOf } from './kms-key.js';
import { awsKeySpec } from './kms-key-specs.js';
import { aliasOf, tagsOf } from './kms-names.js';
import type { TenantTurns } from './tenant-turns.js';

type Made = KeyMetadata & { readonly Arn: string };

const mismatch = (what: string): AppError => new AppError('internal', { cause: new Error(what) });

/** Makes keys in AWS KMS, or takes them there. What fails on the way is destroyed again, as far as AWS can be reached. */
export class KeyCreation {
  constructor(
    private readonly connection: KmsConnection,
    private readonly settings: Pick<AwsKmsSettings, 'aliasPrefix'>,
    private readonly imports: TenantTurns,
    private readonly destruction: KeyDestruction,
  ) {}

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    const made = await this.#create(ref, spec, 'AWS_KMS');
    return this.#orDestroyed(ref, made, async () => this.#finished(ref, spec, made));
  }

  /** Its turn comes first, so that nothing was made where there is none. */
  importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    const expected = publicHalfOf(pkcs8);
    return this.imports.run(ref.tenantId, async () => {
      const made = await this.#create(ref, spec, 'EXTERNAL');
      return this.#orDestroyed(ref, made, async () => {
        await this.#fill(ref, made, pkcs8);
        const key = await this.#finished(ref, spec, made);
        if (!key.spki.equals(expected)) throw mismatch('AWS KMS holds another key than the one imported');
        return key;
      });
    });
  }

  async #create(ref: EngineKeyRef, spec: KeySpec, origin: OriginType): Promise<Made> {
    const { KeyMetadata: metadata } = await this.connection.callOnce(
      ref.tenantId,
      new CreateKeyCommand({
        KeySpec: awsKeySpec(spec)!,
        KeyUsage: 'SIGN_VERIFY',
        Origin: origin,
        Description: 'Made by Claviger: its tags say for whom.',
        Tags: tagsOf(this.settings.aliasPrefix, ref),
      }),
    );
    if (metadata?.Arn === undefined) throw mismatch('AWS KMS made a key without an ARN');
    return { ...metadata, Arn: metadata.Arn };
  }

  async #fill({ tenantId }: EngineKeyRef, { Arn }: Made, pkcs8: SecretBytes): Promise<void> {
    const { PublicKey, ImportToken } = await this.connection.call(
      tenantId,
      new GetParametersForImportCommand({
        KeyId: Arn,
        WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256',
        WrappingKeySpec: 'RSA_4096',
      }),
    );
    await this.connection.callOnce(
      tenantId,
      new ImportKeyMaterialCommand({
        KeyId: Arn,
        ImportToken,
        EncryptedKeyMaterial: wrapPrivateKey(Buffer.from(PublicKey ?? []), 'sha256', pkcs8),
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      }),
    );
  }

  async #finished(ref: EngineKeyRef, spec: KeySpec, made: Made): Promise<EngineKey> {
    await nameKey(this.connection, ref.tenantId, aliasOf(this.settings.aliasPrefix, ref), made.Arn);
    const { spki, spec: found } = await publicKeyOf(this.connection, ref.tenantId, made.Arn);
    if (found !== spec) throw mismatch('AWS KMS made a key of another kind');
    return { spki, handle: handleOf(ref, made.Arn), evidence: evidenceOf(made) };
  }

  async #orDestroyed<T>(ref: EngineKeyRef, { Arn }: Made, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // What cannot be destroyed now is found by its tags and discarded later; the first fault is what is told.
      await this.destruction.destroy(ref, Arn).catch(() => undefined);
      throw error;
    }
  }
}
