import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DeleteImportedKeyMaterialCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  GetParametersForImportCommand,
  GetPublicKeyCommand,
  ImportKeyMaterialCommand,
  KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  TagResourceCommand,
  type KeySpec,
  type SignCommandInput,
  type Tag,
} from '@aws-sdk/client-kms';
import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  verify,
} from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { SecretBytes } from '#kernel';
import { AwsKmsFake } from './aws-kms-fake.js';
import { prepareImports } from './import-operations.js';

const DAY_MS = 24 * 3_600_000;
let now = Date.UTC(2026, 0, 1);
let fake: AwsKmsFake;
let client: KMSClient;

beforeAll(async () => {
  await prepareImports();
  fake = await AwsKmsFake.start({ now: () => now, importIntervalMs: 4_000 });
  const { endpoint, region, credentials } = fake;
  client = new KMSClient({ endpoint, region, credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await fake.stop();
});

const named = (name: string) => expect.objectContaining({ name });
const create = async (KeySpec: KeySpec = 'ECC_NIST_P256', more: object = {}): Promise<string> => {
  const input = { KeySpec, KeyUsage: 'SIGN_VERIFY', ...more } as const;
  return (await client.send(new CreateKeyCommand(input))).KeyMetadata!.Arn!;
};
const stateOf = async (KeyId: string) =>
  (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState;
const sign = (KeyId: string, input: Omit<SignCommandInput, 'KeyId'>) =>
  client.send(new SignCommand({ KeyId, ...input }));
const ECDSA = {
  SigningAlgorithm: 'ECDSA_SHA_256',
  Message: Buffer.alloc(32),
  MessageType: 'DIGEST',
} as const;

describe('the fake of AWS KMS signs', () => {
  it('messages and digests as who knows the public key expects, with salts as long as the digest', async () => {
    const KeyId = await create('RSA_2048');
    const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId }));
    const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
    const message = Buffer.from('message');
    const digest = createHash('sha384').update(message).digest();
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
    for (const [MessageType, Message] of [
      ['RAW', message],
      ['DIGEST', digest],
    ] as const) {
      const made = await sign(KeyId, { SigningAlgorithm: 'RSASSA_PSS_SHA_384', MessageType, Message });
      expect(verify('sha384', message, { key, ...pss }, made.Signature!)).toBe(true);
    }
  });

  it.each<[string, KeySpec, Omit<SignCommandInput, 'KeyId'>, string]>([
    [
      'messages of 4,097 bytes',
      'ECC_NIST_P256',
      { ...ECDSA, MessageType: 'RAW', Message: Buffer.alloc(4_097) },
      'ValidationException',
    ],
    [
      'empty messages',
      'ECC_NIST_P256',
      { ...ECDSA, MessageType: 'RAW', Message: Buffer.alloc(0) },
      'ValidationException',
    ],
    [
      'digests of another length',
      'ECC_NIST_P256',
      { ...ECDSA, Message: Buffer.alloc(48) },
      'ValidationException',
    ],
    ['the hash of another curve', 'ECC_NIST_P384', ECDSA, 'InvalidKeyUsageException'],
    ['algorithms of other keys', 'RSA_2048', ECDSA, 'InvalidKeyUsageException'],
    [
      'digests by Ed25519',
      'ECC_NIST_EDWARDS25519',
      { ...ECDSA, SigningAlgorithm: 'ED25519_SHA_512' },
      'ValidationException',
    ],
    [
      'a μ by anything but ML-DSA',
      'ECC_NIST_P256',
      { ...ECDSA, MessageType: 'EXTERNAL_MU' },
      'ValidationException',
    ],
  ])('but not %s', async (_, spec, input, expected) => {
    const KeyId = await create(spec);
    await expect(sign(KeyId, input)).rejects.toThrow(named(expected));
  });
});

describe('a key in the fake of AWS KMS', () => {
  it('signs only while it is enabled, and is gone when its time is over', async () => {
    const KeyId = await create();
    await client.send(new DisableKeyCommand({ KeyId }));
    await expect(sign(KeyId, ECDSA)).rejects.toThrow(named('DisabledException'));
    await client.send(new EnableKeyCommand({ KeyId }));
    await sign(KeyId, ECDSA);
    await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    for (const command of [
      new SignCommand({ KeyId, ...ECDSA }),
      new EnableKeyCommand({ KeyId }),
      new DisableKeyCommand({ KeyId }),
      new ScheduleKeyDeletionCommand({ KeyId }),
      new CreateAliasCommand({ AliasName: 'alias/late', TargetKeyId: KeyId }),
      new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] }),
    ]) {
      await expect(client.send(command as SignCommand)).rejects.toThrow(named('KMSInvalidStateException'));
    }
    await client.send(new CancelKeyDeletionCommand({ KeyId }));
    expect(await stateOf(KeyId)).toBe('Disabled');
    await expect(client.send(new CancelKeyDeletionCommand({ KeyId }))).rejects.toThrow(
      named('KMSInvalidStateException'),
    );
    await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    now += 7 * DAY_MS;
    await expect(stateOf(KeyId)).rejects.toThrow(named('NotFoundException'));
  });

  it.each([6, 31])('is not deleted in %i days', async (PendingWindowInDays) => {
    const KeyId = await create();
    const refused = client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays }));
    await expect(refused).rejects.toThrow(named('ValidationException'));
  });

  it('is of no other account or region, and of a kind that there is', async () => {
    const KeyId = await create();
    await expect(stateOf(KeyId.replace('111122223333', '444455556666'))).rejects.toThrow(
      named('NotFoundException'),
    );
    await expect(stateOf(KeyId.replace('eu-central-1', 'eu-west-1'))).rejects.toThrow(
      named('NotFoundException'),
    );
    await expect(stateOf('arn:aws:s3:::bucket')).rejects.toThrow(named('InvalidArnException'));
    await expect(stateOf('nonsense')).rejects.toThrow(named('NotFoundException'));
    await expect(create('ECC_NIST_P999' as KeySpec)).rejects.toThrow(named('UnsupportedOperationException'));
    await expect(create('RSA_2048', { KeyUsage: 'ENCRYPT_DECRYPT' })).rejects.toThrow(
      named('ValidationException'),
    );
  });

  it('is listed page by page', async () => {
    await Promise.all([create(), create(), create()]);
    const first = await client.send(new ListKeysCommand({ Limit: 2 }));
    expect(first).toMatchObject({ Truncated: true, Keys: { length: 2 } });
    const rest = await client.send(new ListKeysCommand({ Marker: first.NextMarker }));
    expect(rest.Truncated).toBe(false);
    expect(rest.Keys!.length + 2).toBe(fake.account.keys().length);
    await expect(client.send(new ListKeysCommand({ Limit: 1_001 }))).rejects.toThrow(
      named('ValidationException'),
    );
  });
});

describe('aliases and tags in the fake of AWS KMS', () => {
  const alias = (AliasName: string, TargetKeyId: string) =>
    client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));

  it('name a key of the account, one each, and are gone when they are deleted', async () => {
    const [KeyId, other] = [await create(), await create()];
    await alias('alias/a/b_c-1', KeyId);
    await expect(alias('alias/a/b_c-1', other)).rejects.toThrow(named('AlreadyExistsException'));
    expect((await client.send(new ListAliasesCommand({ KeyId }))).Aliases).toMatchObject([
      { AliasName: 'alias/a/b_c-1' },
    ]);
    await sign('alias/a/b_c-1', ECDSA);
    await client.send(new DeleteAliasCommand({ AliasName: 'alias/a/b_c-1' }));
    await expect(sign('alias/a/b_c-1', ECDSA)).rejects.toThrow(named('NotFoundException'));
    const again = client.send(new DeleteAliasCommand({ AliasName: 'alias/a/b_c-1' }));
    await expect(again).rejects.toThrow(named('NotFoundException'));
  });

  it.each([
    ['a', 'ValidationException'],
    ['alias/', 'InvalidAliasNameException'],
    ['alias/a:b', 'InvalidAliasNameException'],
    ['alias/aws/mine', 'NotAuthorizedException'],
    [`alias/${'x'.repeat(251)}`, 'ValidationException'],
  ])('are not called %s', async (name, expected) => {
    await expect(alias(name, await create())).rejects.toThrow(named(expected));
  });

  it('are fifty a key at most', async () => {
    const KeyId = await create();
    for (let n = 0; n < 50; n += 1) await alias(`alias/many/${n}`, KeyId);
    await expect(alias('alias/many/50', KeyId)).rejects.toThrow(named('LimitExceededException'));
  });

  it.each<[string, Tag[]]>([
    ['begin with aws:', [{ TagKey: 'aws:mine', TagValue: '' }]],
    ['hold other characters', [{ TagKey: 'a', TagValue: '{}' }]],
    [
      'are there twice',
      [
        { TagKey: 'a', TagValue: '1' },
        { TagKey: 'a', TagValue: '2' },
      ],
    ],
    ['are more than fifty', Array.from({ length: 51 }, (_, n) => ({ TagKey: `${n}`, TagValue: '' }))],
  ])('are refused where they %s', async (_, Tags) => {
    await expect(create('ECC_NIST_P256', { Tags })).rejects.toThrow(named('TagException'));
  });

  it('are read as they were written', async () => {
    const KeyId = await create('ECC_NIST_P256', { Tags: [{ TagKey: 'a', TagValue: '1' }] });
    await client.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'b', TagValue: '2' }] }));
    expect((await client.send(new ListResourceTagsCommand({ KeyId }))).Tags).toEqual([
      { TagKey: 'a', TagValue: '1' },
      { TagKey: 'b', TagValue: '2' },
    ]);
  });
});

describe('importing into the fake of AWS KMS', () => {
  const WRAPPING = { WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256', WrappingKeySpec: 'RSA_4096' } as const;
  const foreign = (namedCurve = 'P-256'): SecretBytes =>
    SecretBytes.take(
      generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'der' }),
    );
  const empty = (): Promise<string> => create('ECC_NIST_P256', { Origin: 'EXTERNAL' });
  const parametersFor = async (KeyId: string) => {
    now += 4_000;
    return client.send(new GetParametersForImportCommand({ KeyId, ...WRAPPING }));
  };
  type Parameters = Awaited<ReturnType<typeof parametersFor>>;
  const take = (
    KeyId: string,
    { ImportToken, PublicKey }: Parameters,
    pkcs8 = foreign(),
    hash: 'sha1' | 'sha256' = 'sha256',
  ) =>
    client.send(
      new ImportKeyMaterialCommand({
        KeyId,
        ImportToken,
        EncryptedKeyMaterial: wrapPrivateKey(Buffer.from(PublicKey!), hash, pkcs8),
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      }),
    );

  it('enables a key that has no material, until that is deleted; only the same is taken again', async () => {
    const [KeyId, material] = [await empty(), foreign()];
    await expect(sign(KeyId, ECDSA)).rejects.toThrow(named('KMSInvalidStateException'));
    await take(KeyId, await parametersFor(KeyId), material);
    await sign(KeyId, ECDSA);
    await client.send(new DeleteImportedKeyMaterialCommand({ KeyId }));
    expect(await stateOf(KeyId)).toBe('PendingImport');
    const other = await parametersFor(KeyId);
    await expect(take(KeyId, other)).rejects.toThrow(named('IncorrectKeyMaterialException'));
    await take(KeyId, await parametersFor(KeyId), material);
    await sign(KeyId, ECDSA);
  });

  it('takes a token once, for its own key, before it expires', async () => {
    const [KeyId, other] = [await empty(), await empty()];
    const parameters = await parametersFor(KeyId);
    await expect(take(other, parameters)).rejects.toThrow(named('InvalidImportTokenException'));
    await take(KeyId, parameters);
    await expect(take(KeyId, parameters)).rejects.toThrow(named('InvalidImportTokenException'));
    const late = await parametersFor(other);
    now += DAY_MS;
    await expect(take(other, late)).rejects.toThrow(named('ExpiredImportTokenException'));
  });

  it('refuses what is wrapped otherwise, or is of another kind', async () => {
    const KeyId = await empty();
    const [one, another] = [await parametersFor(KeyId), await parametersFor(KeyId)];
    const mixed = { ...one, PublicKey: another.PublicKey };
    await expect(take(KeyId, mixed)).rejects.toThrow(named('InvalidCiphertextException'));
    await expect(take(KeyId, another, foreign(), 'sha1')).rejects.toThrow(
      named('InvalidCiphertextException'),
    );
    const third = await parametersFor(KeyId);
    await expect(take(KeyId, third, foreign('P-384'))).rejects.toThrow(
      named('IncorrectKeyMaterialException'),
    );
    expect(await stateOf(KeyId)).toBe('PendingImport');
  });

  it('refuses keys that AWS made, Ed25519, a model that expires without a date, and more than one call in four seconds', async () => {
    const [made, KeyId] = [await create(), await empty()];
    await expect(parametersFor(made)).rejects.toThrow(named('UnsupportedOperationException'));
    const deleted = client.send(new DeleteImportedKeyMaterialCommand({ KeyId: made }));
    await expect(deleted).rejects.toThrow(named('UnsupportedOperationException'));
    const edwards = await create('ECC_NIST_EDWARDS25519', { Origin: 'EXTERNAL' });
    await expect(parametersFor(edwards)).rejects.toThrow(named('ValidationException'));
    const { ImportToken } = await parametersFor(KeyId);
    const expiring = new ImportKeyMaterialCommand({
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: randomBytes(600),
    });
    await expect(client.send(expiring)).rejects.toThrow(named('ValidationException'));
    now += 3_999;
    const soon = client.send(new GetParametersForImportCommand({ KeyId, ...WRAPPING }));
    await expect(soon).rejects.toThrow(named('ThrottlingException'));
  });
});

describe('a request to the fake of AWS KMS', () => {
  const asked = (headers: Record<string, string>, body = '{}', path = '/') =>
    fetch(`${fake.endpoint}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'TrentService.ListKeys',
        ...headers,
      },
      body,
    }).then(async (response) => [response.status, ((await response.json()) as { __type: string }).__type]);

  it('is refused without a signature, of another service, or of an operation that there is not', async () => {
    expect(await asked({})).toEqual([400, 'MissingAuthenticationTokenException']);
    expect(await asked({ authorization: 'Bearer x' })).toEqual([400, 'IncompleteSignatureException']);
    expect(await asked({ 'x-amz-target': 'TrentService.toString' })).toEqual([
      400,
      'UnknownOperationException',
    ]);
    expect(await asked({}, '{}', '/other')).toEqual([400, 'UnknownOperationException']);
    expect(await asked({}, 'x'.repeat(70_000))).toEqual([413, 'RequestEntityTooLargeException']);
  });

  it('is refused when it was changed on the way, or signed by whom nobody knows', async () => {
    const { endpoint, region, credentials } = fake;
    const stranger = (more: object): KMSClient =>
      new KMSClient({ endpoint, region, maxAttempts: 1, credentials: { ...credentials, ...more } });
    const changed = stranger({});
    changed.middlewareStack.add(
      (next) => (args) => {
        (args.request as { body: string }).body = '{"Limit":7}';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const list = new ListKeysCommand({ Limit: 1 });
    await expect(changed.send(list)).rejects.toThrow(named('InvalidSignatureException'));
    await expect(stranger({ accessKeyId: 'AKIANOBODYNOBODYNOBO' }).send(list)).rejects.toThrow(
      named('UnrecognizedClientException'),
    );
    await expect(stranger({ sessionToken: 'made-up' }).send(list)).rejects.toThrow(
      named('UnrecognizedClientException'),
    );
  });
});
