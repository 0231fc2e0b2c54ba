import type { ContextSetting } from './native-key.js';
import type { SignatureRow } from './signature-table.js';

/**
 * How OpenSSL is told to treat a digest for a row. Nothing for ECDSA: it takes the leftmost bits of whatever
 * digest (FIPS 186-5 §6.4). `saltLength` is for RSASSA-PSS, in bytes or `auto`.
 */
export function digestSettings(row: SignatureRow, saltLength: number | 'auto'): readonly ContextSetting[] {
  if (row.hash === undefined || row.scheme === 'ecdsa') return [];
  const settings: ContextSetting[] = [
    ['rsa_padding_mode', row.scheme],
    ['digest', row.hash],
  ];
  if (row.scheme === 'pss') settings.push(['rsa_pss_saltlen', String(saltLength)]);
  return settings;
}
