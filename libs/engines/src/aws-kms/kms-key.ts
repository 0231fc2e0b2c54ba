import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  GetPublicKeyCommand,
  type KeyMetadata,
} from '@aws-sdk/client-kms';
import { parsePublicKey, type ParsedPublicKey } from '#crypto';
import { AppError } from '#kernel';
import type { EngineKey } from '../engine.js';
import type { KmsConnection } from './kms-connection.js';
import { faultName } from './kms-faults.js';

/** A key by id, ARN or alias; `undefined` where there is none. */
export async function findKey(
  connection: KmsConnection,
  group: string | undefined,
  keyId: string,
): Promise<KeyMetadata | undefined> {
  try {
    return (await connection.call(group, new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata;
  } catch (error) {
    if (faultName(error) === 'NotFoundException') return undefined;
    throw error;
  }
}

/** The public key, in the one encoding it is known by here. */
export async function publicKeyOf(
  connection: KmsConnection,
  group: string | undefined,
  arn: string,
): Promise<ParsedPublicKey> {
  const { PublicKey } = await connection.call(group, new GetPublicKeyCommand({ KeyId: arn }));
  try {
    return parsePublicKey(Buffer.from(PublicKey ?? []));
  } catch (cause) {
    // Not the caller's fault, as it would otherwise be.
    throw new AppError('internal', { cause });
  }
}

/** What AWS says of how it guards a key. Neither ARN nor account: the log is the tenant's to read. */
export const evidenceOf = (metadata: KeyMetadata): NonNullable<EngineKey['evidence']> => ({
  key_spec: metadata.KeySpec ?? '',
  key_usage: metadata.KeyUsage ?? '',
  origin: metadata.Origin ?? '',
  key_manager: metadata.KeyManager ?? '',
  multi_region: metadata.MultiRegion ?? false,
});

/** Gives a key its alias. That it has it already, from an attempt whose answer was lost, is no error. */
export async function nameKey(
  connection: KmsConnection,
  group: string | undefined,
  alias: string,
  arn: string,
): Promise<void> {
  try {
    await connection.call(group, new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
  } catch (error) {
    if (faultName(error) !== 'AlreadyExistsException') throw error;
    if ((await findKey(connection, group, alias))?.Arn === arn) return;
    throw new AppError('internal', {
      cause: new Error('the alias of a new key names another: an earlier attempt was not discarded'),
    });
  }
}

/** Takes an alias away; that it is gone already is no error. */
export async function unnameKey(
  connection: KmsConnection,
  group: string | undefined,
  alias: string,
): Promise<void> {
  try {
    await connection.call(group, new DeleteAliasCommand({ AliasName: alias }));
  } catch (error) {
    if (faultName(error) !== 'NotFoundException') throw error;
  }
}
