import { z } from 'zod';
import { ACCOUNT_ID } from './account.js';
import { FakeKey } from './fake-key.js';
import { kindOf, makePrivateKey } from './key-kinds.js';
import { KmsRefusal, invalid } from './kms-refusal.js';
import { keyId, listing, operation, pageOf } from './operation.js';
import { tagList, tagged } from './tag-operations.js';

const DAY_MS = 24 * 3_600_000;
const byKeyId = z.object({ KeyId: keyId });

const createKey = z.object({
  KeySpec: z.string(),
  KeyUsage: z.string(),
  Origin: z.enum(['AWS_KMS', 'EXTERNAL']).default('AWS_KMS'),
  Description: z.string().max(8192).default(''),
  Tags: tagList.default([]),
});

export const KEY_OPERATIONS = {
  CreateKey: operation(createKey, async (account, input) => {
    if (input.KeyUsage !== 'SIGN_VERIFY')
      throw invalid(`KeyUsage ${input.KeyUsage} is not for ${input.KeySpec}`);
    const key = new FakeKey({
      arnPrefix: account.arnPrefix,
      kind: kindOf(input.KeySpec),
      origin: input.Origin,
      description: input.Description,
      tags: tagged(new Map(), input.Tags),
      nowMs: account.now,
    });
    if (!key.isExternal) key.takeMaterial(await makePrivateKey(key.kind));
    account.add(key);
    return { KeyMetadata: key.metadata(ACCOUNT_ID) };
  }),

  DescribeKey: operation(byKeyId, (account, input) => ({
    KeyMetadata: account.keyOrAlias(input.KeyId).metadata(ACCOUNT_ID),
  })),

  ListKeys: operation(z.object(listing(1_000, 100)), (account, input) => {
    const { page, ...rest } = pageOf(account.keys(), input.Limit, input.Marker);
    return { Keys: page.map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })), ...rest };
  }),

  GetPublicKey: operation(byKeyId, (account, input) => {
    const key = account.keyOrAlias(input.KeyId);
    key.require('Enabled');
    return {
      KeyId: key.arn,
      PublicKey: key.spki?.toString('base64'),
      KeySpec: key.kind.keySpec,
      KeyUsage: 'SIGN_VERIFY',
      SigningAlgorithms: Object.keys(key.kind.algorithms),
    };
  }),

  EnableKey: operation(byKeyId, (account, input) => {
    const key = account.key(input.KeyId);
    key.require('Enabled', 'Disabled');
    key.state = 'Enabled';
    return {};
  }),

  DisableKey: operation(byKeyId, (account, input) => {
    const key = account.key(input.KeyId);
    key.require('Enabled', 'Disabled');
    key.state = 'Disabled';
    return {};
  }),

  ScheduleKeyDeletion: operation(
    z.object({ KeyId: keyId, PendingWindowInDays: z.number().int().min(7).max(30).default(30) }),
    (account, input) => {
      const key = account.key(input.KeyId);
      key.require('Enabled', 'Disabled', 'PendingImport');
      key.state = 'PendingDeletion';
      key.deletionMs = account.now + input.PendingWindowInDays * DAY_MS;
      return {
        KeyId: key.arn,
        DeletionDate: key.deletionMs / 1_000,
        KeyState: key.state,
        PendingWindowInDays: input.PendingWindowInDays,
      };
    },
  ),

  CancelKeyDeletion: operation(byKeyId, (account, input) => {
    const key = account.key(input.KeyId);
    if (key.state !== 'PendingDeletion') {
      throw new KmsRefusal('KMSInvalidStateException', `${key.arn} is not pending deletion.`);
    }
    key.state = key.privateKey ? 'Disabled' : 'PendingImport';
    key.deletionMs = undefined;
    return { KeyId: key.arn };
  }),
};
