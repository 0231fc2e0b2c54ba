import { InvalidArgumentError } from 'commander';
import { PERMISSIONS, isPermission, isTenantId } from '#kernel';

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const MAX_TTL_S = 30 * 86_400;
const ROOT_ID = /^[a-z0-9-]{1,32}$/;

/** Seconds of `30s`, `15m`, `1h` or `7d`; 1 s to 30 days. Throws `InvalidArgumentError`, as all of these do. */
export function parseTtl(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_S[unit] ?? 0);
  if (seconds >= 1 && seconds <= MAX_TTL_S) return seconds;
  throw new InvalidArgumentError('Write 30s, 15m, 1h or 7d; at most 30d.');
}

/** A list of permissions, each once: a word that is none would make a token that silently cannot. */
export function parseScope(text: string): string {
  const words = [...new Set(text.split(/\s+/).filter(Boolean))];
  const unknown = words.filter((word) => !isPermission(word));
  if (words.length > 0 && unknown.length === 0) return words.join(' ');
  const what = unknown.length > 0 ? `Unknown: ${unknown.join(' ')}.` : 'It is empty.';
  throw new InvalidArgumentError(`${what} Known are: ${PERMISSIONS.join(' ')}.`);
}

export function parseTenantId(text: string): string {
  if (isTenantId(text)) return text;
  throw new InvalidArgumentError('A tenant id is 1 to 63 of a-z, 0-9 and "-", with no "-" at either end.');
}

export function parseRootId(text: string): string {
  if (ROOT_ID.test(text)) return text;
  throw new InvalidArgumentError('A root id is 1 to 32 of a-z, 0-9 and "-".');
}

/** For an option that may be given several times. */
export const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
