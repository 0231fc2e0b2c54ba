import { kmsHost } from './aws-region.js';

/** Names of KMS itself in a region: public, FIPS, or a VPC endpoint's. */
function isOfKms(hostname: string, region: string): boolean {
  const domain = (kmsHost(region) ?? '').slice(`kms.${region}.`.length).replaceAll('.', '\\.');
  const own = `kms(-fips)?\\.${region}\\.${domain}`;
  const vpc = `vpce-[a-z0-9-]+\\.kms\\.${region}\\.vpce\\.${domain}`;
  return new RegExp(`^(${own}|${vpc})$`).test(hostname);
}

/**
 * Why an engine may not speak to this address; `undefined` where it may. An address is a way into our network for
 * whoever configures engines, and the session token travels to it: so it is KMS's own by HTTPS, or one that whoever runs
 * this process allowed.
 */
export function endpointFault(
  endpoint: string,
  region: string,
  allowed: ReadonlySet<string>,
): string | undefined {
  if (!URL.canParse(endpoint)) return 'is not a URL';
  const { protocol, origin, username, password, pathname, search, hash, hostname, port } = new URL(endpoint);
  if (protocol !== 'https:' && protocol !== 'http:') return 'is not an http or https URL';
  if (username !== '' || password !== '') return 'carries credentials';
  if (pathname !== '/' || search !== '' || hash !== '') return 'has more than scheme, host and port';
  if (allowed.has(origin)) return undefined;
  if (protocol === 'https:' && port === '' && isOfKms(hostname, region)) return undefined;
  return 'is neither AWS KMS of this region by https nor one that the server allows';
}
