import { describe, expect, it } from 'vitest';
import { SecretBytes, type FieldError } from '#kernel';
import { awsKmsDriver, type AwsKmsDriverOptions } from './aws-kms-driver.js';
import { secretsOf } from './testing/fake-engine.js';

const SECRETS = secretsOf({ accessKeyId: 'AKIA0123456789ABCDEF', secretAccessKey: 's'.repeat(40) });
type Config = Readonly<Record<string, unknown>>;

const open = (
  config: Config,
  secrets: ReadonlyMap<string, SecretBytes> = SECRETS,
  options: AwsKmsDriverOptions = {},
) => awsKmsDriver(options).open({ id: 'aws', name: 'Cloud', config, secrets });

/** The paths that are refused; none where the engine opens. */
function faults(...args: Parameters<typeof open>): string[] {
  try {
    void open(...args).close();
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'validation_failed' });
    return (error as { errors: FieldError[] }).errors.map(({ path }) => path);
  }
}

const region = 'eu-central-1';

describe('the driver of AWS KMS', () => {
  it('makes an engine of a region and credentials, which says what it is', async () => {
    const engine = open({ region });
    expect(engine.describe()).toMatchObject({
      id: 'aws',
      type: 'AWS_KMS',
      name: 'Cloud',
      provider: 'AWS',
      securityLevel: 2,
      metadata: { region },
    });
    await engine.close();
  });

  it.each([
    'eu-central-1',
    'us-gov-west-1',
    'cn-north-1',
    'ap-southeast-5',
    'us-isob-east-1',
    'eusc-de-east-1',
  ])('knows the region %s', (known) => expect(faults({ region: known })).toEqual([]));

  it.each([
    '',
    'moon',
    'moon-east-1',
    'EU-CENTRAL-1',
    'eu-central-1.evil.example',
    'eu-central-1/',
    'eu-central-1\n',
    7,
    undefined,
  ])('refuses the region %j', (unknown) => expect(faults({ region: unknown })).toEqual(['config.region']));

  it.each<[string, unknown]>([
    ['alias_prefix', ''],
    ['alias_prefix', 'aws'],
    ['alias_prefix', 'aws/mine'],
    ['alias_prefix', 'a b'],
    ['alias_prefix', 'a//b'],
    ['alias_prefix', '/a'],
    ['alias_prefix', 'x'.repeat(65)],
    ['deletion_window_days', 6],
    ['deletion_window_days', 31],
    ['deletion_window_days', 7.5],
    ['requests_per_second', 0],
    ['timeout_ms', 0],
    ['timeout_ms', 10 ** 9],
    ['credentials', 'none'],
    ['no_such_setting', 1],
  ])('refuses %s %j', (name, value) => expect(faults({ region, [name]: value })).toEqual([`config.${name}`]));

  it.each([
    'https://kms.eu-central-1.amazonaws.com',
    'https://kms-fips.eu-central-1.amazonaws.com/',
    'https://vpce-0123-abcd.kms.eu-central-1.vpce.amazonaws.com',
  ])('speaks to %s', (endpoint) => expect(faults({ region, endpoint })).toEqual([]));

  it.each([
    'http://kms.eu-central-1.amazonaws.com',
    'https://kms.us-east-1.amazonaws.com',
    'https://kms.eu-central-1.amazonaws.com.evil.example',
    'https://kmsxeu-central-1.amazonaws.com',
    'https://kms.eu-central-1.amazonaws.com:8443',
    'https://sts.eu-central-1.amazonaws.com',
    'https://user:pw@kms.eu-central-1.amazonaws.com',
    'https://kms.eu-central-1.amazonaws.com@evil.example',
    'https://evil.example\\@kms.eu-central-1.amazonaws.com',
    'https://kms.eu-central-1.amazonaws.com\t.evil.example',
    'https://kms.eu-central-1.amazonaws.com%2eevil.example',
    'https://kms.eu-central-1.amazonaws.com.',
    'https://vpce-x.evil.kms.eu-central-1.vpce.amazonaws.com',
    'https://[::1]',
    'https://[::ffff:169.254.169.254]',
    'https://2852039166',
    'https://kms.eu-central-1.amazonaws.com/path',
    'https://kms.eu-central-1.amazonaws.com?x=1',
    'http://127.0.0.1:4566',
    'http://169.254.169.254',
    'https://10.0.0.1',
    'ftp://kms.eu-central-1.amazonaws.com',
    'not a URL',
    7,
  ])('does not speak to %s', (endpoint) => expect(faults({ region, endpoint })).toEqual(['config.endpoint']));

  it('speaks to other addresses where the server allows just those', () => {
    const options = { allowedEndpoints: ['http://127.0.0.1:4566/', 'https://kms.example.net'] };
    expect(faults({ region, endpoint: 'http://127.0.0.1:4566' }, SECRETS, options)).toEqual([]);
    expect(faults({ region, endpoint: 'https://kms.example.net' }, SECRETS, options)).toEqual([]);
    for (const endpoint of ['http://127.0.0.1:4567', 'http://kms.example.net', 'https://127.0.0.1:4566']) {
      expect(faults({ region, endpoint }, SECRETS, options)).toEqual(['config.endpoint']);
    }
  });

  it('names every secret that is missing, malformed or unknown', () => {
    const one = (name: string, value: string) =>
      new Map([...SECRETS, [name, SecretBytes.take(Buffer.from(value))]]);
    expect(faults({ region }, new Map())).toEqual(['secrets.access_key_id', 'secrets.secret_access_key']);
    expect(faults({ region }, one('access_key_id', 'a/b'))).toEqual(['secrets.access_key_id']);
    expect(faults({ region }, one('secret_access_key', `${'s'.repeat(20)}\r\nx: y`))).toEqual([
      'secrets.secret_access_key',
    ]);
    expect(faults({ region }, one('session_token', 'short'))).toEqual(['secrets.session_token']);
    expect(faults({ region }, one('pin', '1234'))).toEqual(['secrets.pin']);
  });

  it('looks for credentials around the process only where it is told to, and then takes none', () => {
    expect(faults({ region, credentials: 'ambient' }, new Map())).toEqual([]);
    expect(faults({ region, credentials: 'ambient' })).toEqual(['config.credentials']);
  });
});
