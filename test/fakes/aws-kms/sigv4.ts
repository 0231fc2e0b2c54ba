import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { KmsRefusal } from './kms-refusal.js';

export interface FakeCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Whether the session is over. */
  readonly expired?: boolean;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(?<id>[^/]+)\/(?<date>\d{8})\/(?<region>[^/]+)\/(?<service>[^/]+)\/aws4_request, SignedHeaders=(?<signed>[a-z0-9;-]+), Signature=(?<signature>[0-9a-f]{64})$/;
const MUST_BE_SIGNED = ['host', 'x-amz-date', 'x-amz-target'];
const SKEW_MS = 5 * 60_000;

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

const refused = (message: string): KmsRefusal => new KmsRefusal('InvalidSignatureException', message);
const unrecognized = (): KmsRefusal =>
  new KmsRefusal('UnrecognizedClientException', 'The security token included in the request is invalid.');

const headerOf = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? '');

function canonicalOf(request: IncomingMessage, signed: string, body: Buffer): string {
  const headers = signed
    .split(';')
    .map((name) => `${name}:${headerOf(request, name).trim().replace(/ +/g, ' ')}\n`);
  return [request.method, '/', '', headers.join(''), signed, sha256(body)].join('\n');
}

function checkDate(stamp: string, date: string): void {
  const iso = stamp.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!stamp.startsWith(date)) throw refused('Date in Credential scope does not match YYYYMMDD.');
  if (!(Math.abs(Date.parse(iso) - Date.now()) <= SKEW_MS)) throw refused(`Signature expired: ${stamp}`);
}

function checkToken(request: IncomingMessage, { sessionToken, expired }: FakeCredentials): void {
  if (headerOf(request, 'x-amz-security-token') !== (sessionToken ?? '')) throw unrecognized();
  if (expired) {
    throw new KmsRefusal('ExpiredTokenException', 'The security token included in the request is expired');
  }
}

/** Checks AWS Signature Version 4 of a request to KMS. Its refusals name what is private, as those of AWS do. */
export function checkSigV4(
  request: IncomingMessage,
  body: Buffer,
  region: string,
  credentials: FakeCredentials,
): void {
  const header = request.headers.authorization;
  if (!header) throw new KmsRefusal('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const parts = AUTHORIZATION.exec(header)?.groups;
  if (!parts) throw new KmsRefusal('IncompleteSignatureException', 'Authorization is malformed');
  const { id = '', date = '', signed = '', signature = '' } = parts;
  if (id !== credentials.accessKeyId) throw unrecognized();
  if (parts.region !== region) throw refused('Credential should be scoped to a valid region.');
  if (parts.service !== 'kms') throw refused("Credential should be scoped to correct service: 'kms'.");
  const names = new Set(signed.split(';'));
  if (!MUST_BE_SIGNED.every((name) => names.has(name))) throw refused('Headers are not signed.');
  const stamp = headerOf(request, 'x-amz-date');
  checkDate(stamp, date);
  checkToken(request, credentials);
  const canonical = canonicalOf(request, signed, body);
  const scope = `${date}/${region}/kms/aws4_request`;
  const key = [date, region, 'kms', 'aws4_request'].reduce<string | Buffer>(
    (under, part) => hmac(under, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  const expected = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n'));
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) {
    throw refused(
      `The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been '${canonical}'`,
    );
  }
}
