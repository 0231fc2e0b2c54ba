import { NO_SETTINGS, type ContextSetting } from './native-key.js';
import type { SignatureRow } from './signature-table.js';

type Settings = readonly ContextSetting[];

const made = new WeakMap<SignatureRow, Map<number | 'auto', Settings>>();

/**
 * How OpenSSL is told to treat a digest for a row. Nothing for ECDSA: it takes the leftmost bits of whatever
 * digest (FIPS 186-5 §6.4). `saltLength` is for RSASSA-PSS, in bytes or `auto`. The same row and salt give the same
 * list, by which a `NativeKey` finds its contexts.
 */
export function digestSettings(row: SignatureRow, saltLength: number | 'auto'): Settings {
  if (row.hash === undefined || row.scheme === 'ecdsa') return NO_SETTINGS;
  const salt = row.scheme === 'pss' ? saltLength : 0;
  let bySalt = made.get(row);
  if (!bySalt) made.set(row, (bySalt = new Map<number | 'auto', Settings>()));
  let settings = bySalt.get(salt);
  if (!settings) bySalt.set(salt, (settings = settingsOf(row.scheme, row.hash, salt)));
  return settings;
}

function settingsOf(scheme: string, digest: string, salt: number | 'auto'): Settings {
  const settings: ContextSetting[] = [
    ['rsa_padding_mode', scheme],
    ['digest', digest],
  ];
  if (scheme === 'pss') settings.push(['rsa_pss_saltlen', String(salt)]);
  return Object.freeze(settings);
}
